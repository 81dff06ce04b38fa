"""`dmstream inspect`."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from streams.inspecting import Found, Happening


def inspect_command(
    conversation: Annotated[str, typer.Argument(help="platform:account:correspondent.")],
    last: Annotated[int, typer.Option(min=0, help="How many of its last events.")] = 10,
) -> None:
    """Show a conversation: its state, what may be sent and why not, its last events.

    It reads the state's changelog from its start: seconds on a small log, longer on a large one.

    Example: dmstream inspect facebook:1234:5678
    """
    from streams.inspecting import inspect

    settings = Settings()
    found = asyncio.run(inspect(settings, conversation, last))
    if not found:
        typer.echo(f"Nothing was ever heard of {conversation} (platform:account:correspondent).")
        raise typer.Exit(1)
    for one in found:
        _print(one, settings)


def _print(found: "Found", settings: Settings) -> None:
    from streams.agents.rules import rules_of
    from streams.conversation.can_reply import can_reply

    now = datetime.now(UTC)
    decision = can_reply(found.profile, found.conversation, now, rules_of(settings))
    state = found.conversation
    typer.echo(f"conversation  {state.id} of profile {found.profileid}, by {state.provider}")
    typer.echo(f"may send      {'yes' if decision.allowed else f'no: {decision.reason}'}")
    typer.echo(f"              {decision.message}")
    for name, instant in (("window ends", decision.expires_at), ("opens", decision.opens_at)):
        if instant is not None:
            typer.echo(f"{name:<13} {instant.isoformat(timespec='seconds')}")
    ranks = ", ".join(f"{month} #{place[0]}" for month, place in sorted(state.months.items()))
    typer.echo(f"active in     {ranks or 'no month'}")
    typer.echo(f"they wrote    {_instant(state.last_correspondent_message_at)}")
    typer.echo(f"we wrote      {_instant(state.last_account_message_at)}")
    typer.echo(f"sends open    {len(state.open)}")
    for happening in found.events:
        typer.echo(line_of(happening))


def line_of(happening: "Happening") -> str:
    """When, what, and what is known of it: why, whose doing, which attempt of which command."""
    times = len(happening.tellings)
    attempt, command_id = happening.told("attempt"), happening.told("command_id")
    details: tuple[str | None, ...] = (
        happening.told("reason"),
        happening.told("origin") if happening.kind == "message.sent" else None,
        f"attempt {attempt}" if attempt else None,
        f"command {_printable(command_id)}" if command_id else None,
        f"one event, told {times} times" if times > 1 else None,
    )
    known = ", ".join(filter(None, details))
    time = happening.time.isoformat(timespec="milliseconds")
    return f"  {time}  {happening.kind:<22}  {known}".rstrip()


def _printable(command_id: str) -> str:
    """Whoever wrote the command chose its id: a terminal must not obey it."""
    return command_id if command_id.isprintable() else ascii(command_id)


def _instant(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "never"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
