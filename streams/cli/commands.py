"""What the commands that write commands share: an id, carrying out, and the answer in words."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import typer

from schemas.base import to_milliseconds
from schemas.commands import AnyCommand
from schemas.events import Event, SendFailed, SendRejected, SendUnknown
from streams.settings import Settings

WAIT_SECONDS = 20.0


def envelope(profile: str, command_id: str | None = None) -> dict[str, Any]:
    return {
        "profileid": profile,
        "command_id": command_id or f"cli-{uuid.uuid4().hex}",
        "issued_at": to_milliseconds(datetime.now(UTC)),
    }


def carry_out(command: AnyCommand, seconds: float = WAIT_SECONDS) -> None:
    """Prints one JSON line per event told of the command. Exits 1 where it was refused or failed,
    can't be carried out, or where nothing was told in time."""
    told = carried_out(Settings(), command, seconds)
    for event in told:
        typer.echo(json.dumps(_line(event), ensure_ascii=False))
    if not told and seconds > 0:
        typer.echo(
            f"Nothing was told of command {command.command_id} within {seconds:g} s: is the"
            " conversations worker running, or was its id used before?",
            err=True,
        )
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


def _line(event: Event) -> dict[str, Any]:
    """Without content: the terminal's history is a log, too."""
    body = event.data.model_dump(mode="json", exclude_none=True)
    for content in ("text", "attachments", "media_urls"):
        body.pop(content, None)
    kind = event.type.removeprefix("dm.").removesuffix(".v1")
    return {"event": kind, "conversation": event.subject, **body}
