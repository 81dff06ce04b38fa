"""`dmstream report`: a profile's month as a page, and as files."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"


def report_command(
    profile: Annotated[str, typer.Argument(help="The profile's id.")],
    month: Annotated[
        str | None, typer.Option(help="As 2026-11; the present one where absent.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The page; report-MONTH.html where absent.")
    ] = None,
    export: Annotated[
        Kind | None, typer.Option(help="Write the rows behind it as well, a file for each view.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the rows go; report-MONTH/ where absent.")
    ] = None,
) -> None:
    """Write the month of a profile: one HTML file with plots and tables, and the rows as files.

    The page needs no network. It holds numbers and no message; the exported rows hold messages.

    Example: dmstream report my-profile --month 2026-11 --export parquet
    """
    import httpx
    from clickhouse_connect.driver.exceptions import OperationalError
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    from streams.reporting import exporting
    from streams.reporting import month as monthly
    from streams.reporting.refusals import RefusedError, refusals
    from streams.settings import Settings

    settings = Settings()
    now = datetime.now(UTC)
    try:
        chosen = monthly.Month.parse(month or f"{now:%Y-%m}")
        chosen.must_have_begun(now)
    except monthly.NoSuchMonthError as error:
        raise typer.BadParameter(str(error)) from error
    path = output or Path(f"report-{chosen}.html")
    with Progress(
        TextColumn("{task.description:<40}"),
        TextColumn("{task.completed:>12,.0f} {task.fields[unit]}"),
        console=Console(stderr=True),
    ) as progress:  # fmt: skip
        tasks: dict[str, object] = {}

        def told(name: str, done: int, unit: str) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=None, unit=unit)
            progress.advance(tasks[name], done)  # type: ignore[arg-type]

        try:
            asked = f"the report of profile {profile[:80]!r} in {chosen}"
            with refusals(asked), monthly.reader(settings) as client:
                monthly.write_page(client, path, profile, chosen, now=now, told=told)
            written = [path]
            if export is not None:
                where = folder or Path(f"report-{chosen}")
                values = monthly.parameters(profile, chosen)
                written += exporting.export(settings, where, values, kind=export.value, told=told)
        except (monthly.UnknownProfileError, RefusedError, exporting.NotJoinedError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except (OperationalError, httpx.TransportError) as error:
            typer.echo(
                f"no answer from {settings.clickhouse_read_only_url} ({type(error).__name__}): "
                "start `dmstream up`, or set DM_CLICKHOUSE_READ_ONLY_URL",
                err=True,
            )
            raise typer.Exit(1) from error
    for file in written:
        typer.echo(str(file))
