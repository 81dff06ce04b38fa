"""`dmstream doctor`: is everything as it should be, and what to do where not."""

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from streams.local.diagnosis import Finding


def doctor_command() -> None:
    """Check broker, topics, readers, ClickHouse, and completeness of the archive per partition.

    Exit code 1 where something is wrong.

    Example: dmstream doctor
    """

    from streams.cli.quiet import quiet_clients
    from streams.local.proof import examine
    from streams.local.screen import wide_console
    from streams.settings import Settings

    quiet_clients()
    findings = asyncio.run(examine(Settings()))
    console = wide_console()
    console.print(_table(findings))
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def _table(findings: "list[Finding]") -> object:
    from rich.markup import escape
    from rich.table import Table

    marks = {"ok": "[green]✓[/green]", "note": "[yellow]![/yellow]", "wrong": "[red]✗[/red]"}
    table = Table("", "what", "found", "what to do", box=None)
    for finding in findings:
        cells = (finding.what, finding.found, finding.remedy)
        table.add_row(marks[finding.state], *(escape(cell) for cell in cells))
    return table
