"""What the commands that write commands share: an id, carrying out, and the answer in words."""

import asyncio
import json
import math
import uuid
from datetime import UTC, datetime
from typing import Any

import typer

from schemas.base import to_milliseconds
from schemas.commands import AnyCommand
from schemas.events import Event, SendFailed, SendRejected, SendUnknown
from streams.settings import Settings

WAIT_SECONDS = 20.0
_LONGEST_ID = 200
"""What the contract of commands allows."""
_YEAR = 366 * 86_400


def envelope(profile: str, command_id: str | None = None) -> dict[str, Any]:
    """Raises BadParameter. An id that is empty is a mistake (a shell's variable that is not set):
    a fresh one in its place would send again what was sent."""
    some(profile, "PROFILE")
    if command_id is not None:
        some(command_id, "--command-id")
        if len(command_id) > _LONGEST_ID:
            raise typer.BadParameter(
                f"at most {_LONGEST_ID} characters, not {len(command_id)}",
                param_hint="--command-id",
            )
    return {
        "profileid": profile,
        "command_id": command_id or f"cli-{uuid.uuid4().hex}",
        "issued_at": to_milliseconds(datetime.now(UTC)),
    }


def some(value: str, hint: str) -> None:
    """Raises BadParameter where it is empty. `hint`: how usage names it."""
    if not value:
        raise typer.BadParameter("it is empty", param_hint=hint)


def seconds_of(value: float, hint: str) -> float:
    """Raises BadParameter where they are no time to wait: click's own bounds let `nan` pass."""
    if not (math.isfinite(value) and 0 <= value <= _YEAR):
        raise typer.BadParameter("seconds, from 0 up to a year of them", param_hint=hint)
    return value


def carry_out(command: AnyCommand, seconds: float = WAIT_SECONDS) -> None:
    """Prints one JSON line per event told of the command. Exits 1 where it was refused or failed,
    can't be carried out, or where nothing was told in time: then the archive may know its id."""
    settings = Settings()
    told = carried_out(settings, command, seconds)
    _print(told)
    if not told and seconds > 0:
        nothing = f"Nothing was told of command {command.command_id} within {seconds:g} s"
        before, unsaid = _archived(settings, command)
        _print(before)
        because = (
            "its id was used before, and is decided once; that is what became of it"
            if before
            else f"is the conversations worker running, or was its id used before?{unsaid}"
        )
        typer.echo(f"{nothing}: {because}", err=True)
        raise typer.Exit(1)
    if told and isinstance(told[-1], SendRejected | SendFailed | SendUnknown):
        raise typer.Exit(1)


def carried_out(settings: Settings, command: AnyCommand, seconds: float) -> list[Event]:
    """What was told of it in time. Exits 1, with the pipeline's own sentence, where it can't be
    carried out."""
    from streams.commanding import NotCarriedOutError, carry_out

    try:
        return asyncio.run(carry_out(settings, command, seconds))
    except NotCarriedOutError as error:
        typer.echo(f"Command {command.command_id} can't be carried out: {error}.", err=True)
        raise typer.Exit(1) from error


def _archived(settings: Settings, command: AnyCommand) -> tuple[list[Event], str]:
    """What the archive has of the command's id; and what to add where it can't be asked."""
    from sinks.reading.asking import ArchiveAway, Asking
    from sinks.reading.events import of_command

    asking = Asking(settings)
    try:
        return asyncio.run(of_command(asking, command.profileid, command.command_id)), ""
    except ArchiveAway as away:
        return [], f" ({away}, which would know.)"
    finally:
        asking.close()


def _print(told: list[Event]) -> None:
    for event in told:
        typer.echo(json.dumps(_line(event), ensure_ascii=False))


def _line(event: Event) -> dict[str, Any]:
    """Without content: the terminal's history is a log, too."""
    body = event.data.model_dump(mode="json", exclude_none=True)
    for content in ("text", "attachments", "media_urls"):
        body.pop(content, None)
    kind = event.type.removeprefix("dm.").removesuffix(".v1")
    return {"event": kind, "conversation": event.subject, **body}
