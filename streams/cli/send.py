"""`dmstream send`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from schemas.base import to_milliseconds
from schemas.commands import SendMessage
from streams.cli.commands import WAIT_SECONDS, carry_out, envelope, seconds_of, some


def send_command(
    profile: Annotated[str, typer.Argument(help="The profile that sends.")],
    conversation: Annotated[str, typer.Argument(help="platform:account:correspondent.")],
    text: Annotated[str | None, typer.Option(help="What to send.")] = None,
    media: Annotated[
        list[str] | None, typer.Option(help="Address of a file to send; may be repeated.")
    ] = None,
    command_id: Annotated[
        str | None, typer.Option(help="The same id again sends nothing; else one is made.")
    ] = None,
    expires_in: Annotated[
        float | None, typer.Option(help="Seconds after which it is not attempted any more.")
    ] = None,
    human_agent: Annotated[
        bool, typer.Option("--human-agent", help="A person wrote it (Meta's HUMAN_AGENT tag).")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for what becomes of it.")
    ] = WAIT_SECONDS,
) -> None:
    """Send a message, and tell what became of it: one JSON line per event.

    Example: dmstream send shop facebook:1234:5678 --text "Yes, in blue."
    """
    some(conversation, "CONVERSATION")
    seconds_of(wait, "--wait")
    expires = None
    if expires_in is not None:
        seconds = seconds_of(expires_in, "--expires-in")
        expires = to_milliseconds(datetime.now(UTC) + timedelta(seconds=seconds))
    command = SendMessage(
        **envelope(profile, command_id),
        conversation_id=conversation,
        text=text,
        media_urls=tuple(media or ()),
        expires_at=expires,
        human_agent=human_agent,
    )
    carry_out(command, wait)
