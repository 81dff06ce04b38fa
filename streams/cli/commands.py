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
    or where nothing was told in time."""
    from streams.commanding import carry_out

    told = asyncio.run(carry_out(Settings(), command, seconds))
    for event in told:
        typer.echo(json.dumps(_line(event), ensure_ascii=False))
    if not told and seconds > 0:
        typer.echo(
            f"Nothing was told of command {command.command_id} within {seconds:g} s: is the"
            " conversations worker running, or was its id used before? What can't be carried out"
            " is a failure of the stage `command`.",
            err=True,
        )
        raise typer.Exit(1)
    if told and isinstance(told[-1], SendRejected | SendFailed | SendUnknown):
        raise typer.Exit(1)


def _line(event: Event) -> dict[str, Any]:
    """Without content: the terminal's history is a log, too."""
    body = event.data.model_dump(mode="json", exclude_none=True)
    for content in ("text", "attachments", "media_urls"):
        body.pop(content, None)
    kind = event.type.removeprefix("dm.").removesuffix(".v1")
    return {"event": kind, "conversation": event.subject, **body}
