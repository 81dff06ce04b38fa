"""`dmstream rebuild`."""

import asyncio
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from streams.rebuilding import Rebuilt


class Source(StrEnum):
    ARCHIVE = "archive"
    LOG = "log"


class Projection(StrEnum):
    FACTS = "facts"


def rebuild_command(
    source: Annotated[
        Source, typer.Option("--from", help="What to fold: the log, or the archive and its tail.")
    ] = Source.ARCHIVE,
    write: Annotated[
        bool, typer.Option("--write", help="Make the rebuilt state the live one.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --write: do not ask.")] = False,
    projection: Annotated[
        Projection | None,
        typer.Option(help="Not the state: the archive's facts of conversations, beside traffic."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="How many differences to print.")] = 20,
) -> None:
    """Fold all that happened into state anew, and compare it with the live one field by field.

    Exit code 1 where they differ. --write makes the state's changelog say what was rebuilt: stop
    all conversations workers before, and start them afterwards.

    --projection facts computes the archive's facts of all conversations anew, in a table beside
    the one in use, and swaps them: traffic and questions go on meanwhile.

    Example: dmstream rebuild --from archive
    """
    if projection is not None:
        _reproject(Settings())
        return
    from streams import rebuilding
    from streams.local.screen import wide_console

    if write and not yes:
        typer.confirm("Are all conversations workers stopped?", abort=True)
    console = wide_console()
    with console.status("reading") as status:
        read = 0

        def progress(what: str, count: int) -> None:
            nonlocal read
            read += count
            status.update(f"{what}: {read:,} records")

        work = rebuilding.write if write else rebuilding.compare
        rebuilt = asyncio.run(work(Settings(), archive=source is Source.ARCHIVE, progress=progress))
    _report(rebuilt, show, written=write)
    if rebuilt.differing and not write:
        raise typer.Exit(1)


def _reproject(settings: Settings) -> None:
    from sinks import clickhouse, reprojecting
    from streams.local.screen import wide_console

    client = clickhouse.connect_with(settings)
    try:
        with wide_console().status("computing facts") as status:
            computed = reprojecting.reproject(
                client,
                database=settings.clickhouse_database,
                progress=lambda done: status.update(f"{done:,} conversations computed"),
            )
    finally:
        client.close()
    typer.echo(f"The facts of {computed:,} conversations were computed anew.")


def _report(rebuilt: "Rebuilt", show: int, *, written: bool) -> None:
    from streams.state_differences import differences

    fold = rebuilt.fold
    typer.echo(
        f"{fold.events:,} events folded ({rebuilt.from_archive:,} from the archive) into"
        f" {len(fold.states):,} states; the live state has {len(rebuilt.live):,}."
    )
    found = rebuilt.differing
    for one in islice(differences(rebuilt.live, fold.states), show):
        named = " ".join(filter(None, (one.profile, one.name)))
        typer.echo(f"  {one.kind} {named}: {one.field}: {one.live!r}, rebuilt {one.rebuilt!r}")
    if not found:
        typer.echo("They are equal, field by field.")
    elif written:
        typer.echo(f"{len(found):,} states were written: start the conversations workers.")
    else:
        typer.echo(f"{len(found):,} states differ.")
