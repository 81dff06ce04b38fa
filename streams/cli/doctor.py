"""`dmstream doctor`: is everything as it should be, and what to do where not."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.local.diagnosis import Finding


def doctor_command(
    state: Annotated[
        bool,
        typer.Option("--state", help="Fold all state anew, too, and compare: reads everything."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON array of findings, for other programs.")
    ] = False,
) -> None:
    """Check broker, topics, readers and how long what they have not read waits, the processes of
    this machine, ClickHouse, and completeness of the archive per partition and day.

    Exit code 1 where something is wrong.

    Example: dmstream doctor --state
    """

    from streams.cli.quiet import quiet_clients
    from streams.local.proof import examine
    from streams.local.screen import wide_console
    from streams.settings import Settings

    quiet_clients()
    findings = asyncio.run(examine(Settings(), state=state))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        wide_console().print(_table(findings))
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
