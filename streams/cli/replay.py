"""`dmstream replay`."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from sinks.failed import Selection
    from streams.replaying import Tally


def replay_command(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Failure ids; none means all that the options name.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Only failures of this stage.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only failures for this reason.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Failed at or after, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Failed before, UTC.")] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, help="Partition of the record that failed.")
    ] = None,
    offsets: Annotated[
        str | None, typer.Option(help="FIRST-LAST: offsets of the records that failed.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All failures there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count; put nothing back.")] = False,
) -> None:
    """Put failed records back onto the topic they came from, and count them.

    Repeating it is harmless: what was understood meanwhile counts once. A command is decided now,
    as if it were given now: one that sets something (a limit, an automatic answer) sets it, though
    something newer may stand. Count commands with --dry-run first.

    Example: dmstream replay --reason unknown_account --dry-run
    """
    from sinks.failed import Selection

    first, last = _range(offsets)
    selection = Selection(
        ids=ids or (),
        stage=stage,
        reason=reason,
        since=_utc(since),
        until=_utc(until),
        partition=partition,
        first_offset=first,
        last_offset=last,
    )
    if selection == Selection() and not everything:
        raise typer.BadParameter("name failures by id or by an option, or say --all")
    tally = asyncio.run(_replay(Settings(), selection, dry_run=dry_run))
    _print(tally, dry_run=dry_run)


async def _replay(settings: Settings, selection: "Selection", *, dry_run: bool) -> "Tally":
    from sinks.clickhouse import connect
    from streams import kafka
    from streams.agents.outbox import Outbox
    from streams.agreed import agreed
    from streams.replaying import replay

    client = connect(
        settings.clickhouse_url,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
    )
    try:
        if dry_run:
            return await replay(client, settings, selection, None)
        settings = await agreed(settings)
        producer = kafka.producer(settings)
        await producer.start()
        try:
            outbox = Outbox(producer, partitions=settings.partitions)
            return await replay(client, settings, selection, outbox)
        finally:
            await producer.stop()
    finally:
        client.close()


def _print(tally: "Tally", *, dry_run: bool) -> None:
    from rich.table import Table

    from streams.terminal import Terminal

    table = Table("stage", "reason", "would be put back" if dry_run else "put back", "left alone")
    for stage, reason in sorted(tally.replayed.keys() | tally.left.keys()):
        place = (stage, reason)
        table.add_row(stage, reason, str(tally.replayed[place]), str(tally.left[place]))
    table.add_section()
    table.add_row("all", "", str(tally.replayed.total()), str(tally.left.total()))
    Terminal().print(table)
    if tally.left:
        typer.echo("Left alone: records of topics whose writer must be mended instead.")


def _range(offsets: str | None) -> tuple[int | None, int | None]:
    if offsets is None:
        return None, None
    first, dash, last = offsets.partition("-")
    if not dash or not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
        raise typer.BadParameter(f"--offsets takes FIRST-LAST, as 100-200; got {offsets!r}")
    return int(first), int(last)


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)
