"""`dmstream erase`."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streams.settings import Settings

if TYPE_CHECKING:
    from schemas.events import Event
    from sinks.erased import Held, Proof
    from streams.erasing import Retention


def erase_command(
    profile: Annotated[str, typer.Argument(help="The profile that they wrote to.")],
    conversation: Annotated[str, typer.Argument(help="platform:account:correspondent.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the archive to have done it.")
    ] = 60.0,
) -> None:
    """Erase a correspondent: their texts, media and names go; counts and times stay.

    It can't be undone. Afterwards it tells what the archive still holds (nothing, by content), and
    until when the topics of Kafka hold what was written before.

    Example: dmstream erase shop facebook:1234:5678
    """
    from streams import erasing
    from streams.agreed import agreed
    from streams.cli.commands import some

    some(profile, "PROFILE")
    some(conversation, "CONVERSATION")
    # Before the question: nobody is asked to confirm what can't be written.
    settings = asyncio.run(agreed(Settings()))
    found = asyncio.run(erasing.held(settings, profile, conversation))
    typer.echo(_told(found, profile, conversation))
    if not yes:
        typer.confirm("Erase what they and the profile wrote there?", abort=True)
    event = _erase(settings, profile, conversation)
    proof = asyncio.run(
        erasing.wait_until_erased(settings, profile, conversation, event.time, wait)
    )
    _report(proof, asyncio.run(erasing.retentions(settings, conversation, datetime.now(UTC))))
    if proof.rows_left:
        raise typer.Exit(1)


def _erase(settings: Settings, profile: str, conversation: str) -> "Event":
    """Writes the command; its event. Exits 1 where nobody answers."""
    from schemas.commands import EraseCorrespondent
    from streams.cli.commands import WAIT_SECONDS, carried_out, envelope

    command = EraseCorrespondent(**envelope(profile), conversation_id=conversation)
    told = carried_out(settings, command, WAIT_SECONDS)
    if not told:
        typer.echo(
            f"Nothing was told of command {command.command_id} within {WAIT_SECONDS:g} s: is the"
            " conversations worker running?",
            err=True,
        )
        raise typer.Exit(1)
    return told[-1]


def _told(found: "Held", profile: str, conversation: str) -> str:
    if not found.messages or found.first_at is None or found.last_at is None:
        return f"The archive has no message of {conversation} under profile {profile}."
    return (
        f"{conversation} of profile {profile}: {found.messages:,} messages from"
        f" {found.first_at.date()} to {found.last_at.date()}."
    )


def _report(proof: "Proof", retentions: "list[Retention]") -> None:
    typer.echo(
        f"Erased up to {proof.erased_at.isoformat(timespec='seconds')}:"
        f" {proof.messages_kept:,} messages are still counted, {proof.rows_left:,} rows of the"
        " archive hold content of them (dm_analytics.erasures)."
    )
    if proof.rows_left:
        typer.echo(
            "Rows are left: another worker wrote them just now. Run the command again.", err=True
        )
    typer.echo("Kafka still holds what was written before, until its retention ends:")
    for one in retentions:
        until = one.until.date().isoformat() if one.until else "without end: set retention.ms"
        typer.echo(f"  {one.topic:<24} {until}")
