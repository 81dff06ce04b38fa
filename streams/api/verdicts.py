"""From what was told of a command to an answer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas import events
from schemas.base import Instant
from schemas.events import Event
from sinks.reading.failures import NotCarriedOut
from streams.api.errors import Problem
from streams.api.shapes import ApiModel, Success, theirs

Standing = Literal["pending", "accepted", "unknown", "sent", "rejected", "failed", "done"]


class SentAnswer(ApiModel):
    """The message is with the platform."""

    status: Success = "success"
    recipient_id: str = Field(examples=["5678901234567890"])
    message_id: str = Field(examples=["m_AbCdEf"])
    message: str | None = Field(default=None, description="The text.", examples=["Yes, in blue."])
    conversation_id: str | None = Field(
        default=None, examples=["facebook:1234567890:5678901234567890"]
    )
    command_id: str = Field(examples=["k5d41402abc4b2a76b9719d911017c592abcdef12"])


class CommandAnswer(ApiModel):
    """What is known of a command."""

    status: Success = "success"
    command_id: str
    outcome: Standing = Field(
        description="`pending`: not decided yet. `accepted`: on its way. `unknown`: it may have"
        " been delivered, an echo of the platform may tell. `sent`, `rejected`, `failed`: ends of a"
        " send; what does not send may have failed, too. `done`: the end of what does not send."
    )
    reason: str | None = Field(default=None, description="Why it was rejected, failed or unknown.")
    message: str | None = Field(default=None, description="The reason in a sentence.")
    message_id: str | None = None
    recipient_id: str | None = None
    conversation_id: str | None = None
    platform: str | None = None
    expires_at: Instant | None = None
    opens_at: Instant | None = None
    profile_key: str | None = Field(
        default=None, description="In the answer to `POST /profiles`: of the new profile."
    )
    updated: Instant | None = Field(default=None, description="When the latest of it was heard.")


def answer_of(command_id: str, told: Iterable[Event]) -> CommandAnswer:
    """The end where there is one; a message proves that it was sent, whatever was thought."""
    known = {type(event): event for event in told}
    latest = max((event.receivedat for event in known.values()), default=None)
    for kind, outcome in _STANDINGS:
        event = known.get(kind)
        if event is not None:
            return _answer(command_id, event, outcome, latest)
    outcome = "done" if known else "pending"
    return CommandAnswer(command_id=command_id, outcome=outcome, updated=latest)


def not_carried_out(command_id: str, failure: NotCarriedOut) -> CommandAnswer:
    """The end of a command that no event tells of."""
    return CommandAnswer(
        command_id=command_id,
        outcome="failed",
        reason=failure.reason,
        message=failure.sentence,
        updated=failure.failed_at,
    )


# `rate_limited` is said of requests to us.
_RENAMED = {"rate_limited": "platform_rate_limited"}

_STANDINGS: tuple[tuple[type[Event], Standing], ...] = (
    (events.MessageSent, "sent"),
    (events.SendRejected, "rejected"),
    (events.SendFailed, "failed"),
    (events.SendUnknown, "unknown"),
    (events.SendAccepted, "accepted"),
    (events.SendAttempted, "accepted"),
)


def _answer(
    command_id: str, event: Event, outcome: Standing, latest: datetime | None
) -> CommandAnswer:
    body = event.data
    return CommandAnswer(
        command_id=command_id,
        outcome=outcome,
        reason=getattr(body, "reason", None),
        message=getattr(body, "message", None),
        message_id=getattr(body, "message_id", None),
        recipient_id=getattr(body, "correspondent_id", None) or None,
        conversation_id=event.subject,
        platform=theirs(event.platform) if event.platform else None,
        expires_at=getattr(body, "expires_at", None) if outcome == "rejected" else None,
        opens_at=getattr(body, "opens_at", None),
        updated=latest,
    )


def sent_or_problem(answer: CommandAnswer, text: str | None) -> SentAnswer | None:
    """The answer to a request to send; None while it has no end. Raises Problem."""
    if answer.outcome == "sent":
        return SentAnswer(
            recipient_id=answer.recipient_id or "",
            message_id=answer.message_id or "",
            message=text,
            conversation_id=answer.conversation_id,
            command_id=answer.command_id,
        )
    if answer.outcome in {"rejected", "failed"}:
        raise Problem(
            _RENAMED.get(answer.reason or "", answer.reason or "internal_error"),
            answer.message,
            command_id=answer.command_id,
            conversation_id=answer.conversation_id,
            platform=answer.platform,
            expires_at=answer.expires_at,
            opens_at=answer.opens_at,
        )
    return None
