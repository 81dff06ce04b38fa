"""`dmstream hooks ...`: list, replay."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.hooks import HookRecord
    from streams.settings import Settings

hooks_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Webhooks out: list a profile's, and tell them once more what happened.\n\n"
    "Example: dmstream hooks replay shop --since 2026-11-22T09:00:00 --until 2026-11-22T12:00:00",
)

Profile = Annotated[str, typer.Argument(help="The profile's id.")]


@hooks_app.command("list")
def list_command(profile: Profile) -> None:
    """List a profile's webhooks and the replays that go on, without their secrets.

    Example: dmstream hooks list shop
    """
    from rich.table import Table

    from streams.hooks.directory import of_profile
    from streams.local.screen import wide_console
    from streams.settings import Settings

    table = Table("id", "action", "address", "made", "state", box=None)
    known = asyncio.run(_known(Settings()))
    for hook in of_profile(known, profile):
        state = f"disabled: {hook.disabled_reason}" if hook.disabled_at else "working"
        made = hook.created_at.isoformat(timespec="seconds")
        table.add_row(hook.hook_id, hook.action, hook.url, made, state)
    for hook in of_profile(known, profile, replays=True):
        made = hook.created_at.isoformat(timespec="seconds")
        table.add_row(hook.hook_id, "replay", f"for {hook.subscription}", made, "going on")
    wide_console().print(table)


@hooks_app.command("replay")
def replay_command(
    profile: Profile,
    since: Annotated[datetime, typer.Option(help="Of what was received from then on, UTC.")],
    until: Annotated[datetime | None, typer.Option(help="And before this, UTC; else now.")] = None,
    webhook: Annotated[
        list[str] | None,
        typer.Option(help="Only this one, by its id; may be repeated. Else all that work."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count; tell nothing.")] = False,
) -> None:
    """Tell webhooks once more what was received in a time, in its order, marked as a replay.

    What happens meanwhile is told as ever, beside it. The receivers get the ids of the first time.

    Example: dmstream hooks replay shop --since 2026-11-22T09:00:00 --until 2026-11-22T12:00:00
    """
    from streams.settings import Settings

    end = (until or datetime.now(UTC)).replace(tzinfo=UTC)
    begin = since.replace(tzinfo=UTC)
    if begin >= end:
        raise typer.BadParameter("--since must be before --until")
    made = asyncio.run(
        _replay(Settings(), profile, (begin, end), set(webhook or ()), dry_run=dry_run)
    )
    for hook in made:
        if hook.replay is not None:
            verb = "would be told" if dry_run else "are told"
            name = "" if dry_run else f" (replay {hook.hook_id})"
            typer.echo(f"{hook.replay.events} events {verb} to webhook {hook.subscription}{name}")
    if not made:
        typer.echo("There is nothing in that time, or no webhook that works: dmstream hooks list")


async def _known(settings: "Settings") -> "list[HookRecord]":
    from streams.hooks.directory import HookDirectory

    directory = HookDirectory(settings)
    consumer = await directory.topic.read_all()
    await consumer.stop()
    return list(directory.records.values())


async def _replay(
    settings: "Settings",
    profile: str,
    heard: tuple[datetime, datetime],
    wanted: set[str],
    *,
    dry_run: bool,
) -> "list[HookRecord]":
    from schemas.topics import HOOKS
    from sinks.reading.asking import Asking
    from streams import kafka
    from streams.agreed import agreed
    from streams.api.replays import Wanted, plan
    from streams.hooks.directory import of_profile

    settings = await agreed(settings)
    hooks = [one for one in of_profile(await _known(settings), profile) if one.is_working]
    unknown = wanted - {one.hook_id for one in hooks}
    if unknown:
        raise typer.BadParameter(f"no webhook of the profile that works: {', '.join(unknown)}")
    asking = Asking(settings)
    try:
        made = await plan(
            asking,
            settings,
            Wanted([one for one in hooks if not wanted or one.hook_id in wanted], *heard),
            await kafka.log_id(settings),
            datetime.now(UTC),
        )
    finally:
        asking.close()
    if not dry_run:
        await kafka.write(
            settings,
            HOOKS,
            [(hook.hook_id, hook.model_dump_json(exclude_none=True).encode()) for hook in made],
        )
    return made
