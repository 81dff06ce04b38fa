"""`dmstream backfill`."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.account import PlatformName
from streams.cli.commands import envelope
from streams.settings import Settings

if TYPE_CHECKING:
    from schemas.commands import BackfillHistory
    from streams.backfilling import Course

_QUIET_SECONDS = 20.0


def backfill_command(
    profile: Annotated[str, typer.Argument(help="The profile whose accounts are meant.")],
    accounts: Annotated[
        list[str] | None, typer.Argument(help="Account ids; none means all linked ones.")
    ] = None,
    platform: Annotated[
        PlatformName | None, typer.Option("--platform", help="Only accounts there.")
    ] = None,
    command_id: Annotated[
        str | None,
        typer.Option(help="The same id again is the same backfill: it is joined, not begun anew."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it to its end, or only ask.")
    ] = True,
) -> None:
    """Fetch what the provider still has of a profile's accounts; linking one does so by itself.

    The delivery worker does it, as fast as the provider's limits allow (X: hours for many
    messages), and goes on if this command is stopped. Prints one JSON line per account.

    Example: dmstream backfill shop --platform instagram
    """
    from streams.agreed import agreed

    own = envelope(profile, command_id)
    settings = asyncio.run(agreed(Settings()))
    made = asyncio.run(_commands(settings, own, accounts, platform))
    if not wait:
        from streams.commanding import write

        asyncio.run(write(settings, *made))
        return
    courses = asyncio.run(_follow(settings, made))
    for course in courses:
        typer.echo(json.dumps(_line(course), ensure_ascii=False))
    if any(course.refused for course in courses):
        raise typer.Exit(1)


async def _commands(
    settings: Settings,
    own: dict[str, Any],
    accounts: list[str] | None,
    platform: PlatformName | None,
) -> list["BackfillHistory"]:
    from schemas.commands import BackfillHistory
    from streams.backfilling import chosen_accounts

    typer.echo(f"To come back to it: --command-id {own['command_id']}", err=True)
    where = None if platform is None else platform.value
    return [
        BackfillHistory(
            **own | {"command_id": ":".join((own["command_id"], *key))},
            provider=key[0],
            platform=key[1],
            account_id=key[2],
        )
        for key in await chosen_accounts(settings, own["profileid"], accounts or (), where)
    ]


async def _follow(settings: Settings, commands: Sequence["BackfillHistory"]) -> list["Course"]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from streams.backfilling import backfill

    courses: list[Course] = []
    quiet_until, warned = time.monotonic() + _QUIET_SECONDS, False
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = [progress.add_task(_title(command)) for command in commands]
        async for courses in backfill(settings, commands):
            for task, course in zip(tasks, courses, strict=True):
                if not progress.tasks[task].finished:
                    shown = f"{_title(course.command)}: {len(course.seen):,} messages"
                    progress.update(task, description=shown, total=1, completed=course.is_over)
            heard = any(course.seen or course.is_over for course in courses)
            if not heard and not warned and time.monotonic() > quiet_until:
                warned = True
                progress.console.print(
                    f"Nothing was told within {_QUIET_SECONDS:g} s: are the conversations and the"
                    " delivery worker running? Still listening; they go on without this command."
                )
    return courses


def _title(command: "BackfillHistory") -> str:
    return f"{command.platform} {command.account_id or 'account'} ({command.provider})"


def _line(course: "Course") -> dict[str, Any]:
    told = course.command
    line = {
        "provider": told.provider, "platform": told.platform, "account_id": told.account_id,
    }  # fmt: skip
    if course.result is not None:
        body = course.result.data
        return line | {
            "event": "history.backfilled", "messages": body.messages,
            "conversations": body.conversations, "skipped": body.skipped,
        }  # fmt: skip
    reason, sentence = course.refused or ("", "")
    return line | {"failed": reason, "why": sentence}
