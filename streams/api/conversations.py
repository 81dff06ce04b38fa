"""One conversation: its state and whether one may reply; to the archive and back."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import Field

from schemas.base import Instant
from schemas.commands import ArchiveConversation, UnarchiveConversation
from sinks.reading import conversations
from streams.api import states, waiting
from streams.api.access import Caller, Reader, Sender
from streams.api.carrying import Asked, Step, carry_out
from streams.api.documents import errors, pending
from streams.api.errors import Problem
from streams.api.history import Person, in_utc
from streams.api.shapes import ApiModel, Identifier, PlatformInPath, Success, ours, theirs
from streams.conversation import windows
from streams.conversation.can_reply import Decision, can_reply
from streams.conversation.instants import from_ms

router = APIRouter(tags=["conversations"])

_Id = Annotated[
    Identifier,
    Path(
        description="Ours, or the provider's own.",
        examples=["facebook:1234567890:5678901234567890"],
    ),
]


class CanReply(ApiModel):
    """What the rules say now. A request to send is decided anew, and that decision holds."""

    allowed: bool
    reason: str | None = Field(default=None, description="As a refused send would carry it.")
    message: str
    expires_at: Instant | None = Field(
        default=None, description="When the reply window ends, or ended; absent where it has none."
    )
    remaining_seconds: int | None = Field(
        default=None, description="Until then; 0 once it is over."
    )
    opens_at: Instant | None = Field(
        default=None, description="When time alone changes the answer."
    )
    rank: int | None = Field(default=None, description="Its place among the month's conversations.")


class Counts(ApiModel):
    messages: int
    received: int
    sent: int
    auto_sent: int


class ConversationAnswer(ApiModel):
    status: Success = "success"
    conversation_id: str
    external_conversation_id: str | None = None
    platform: str
    account_id: str
    correspondent: Person
    state: Literal["active", "archived"]
    thread_control: Literal["ours", "other", "unknown"]
    can_reply: CanReply
    counts: Counts
    created: Instant | None = None
    last_received: Instant | None = None
    last_sent: Instant | None = None
    waiting_since: Instant | None = None
    is_current: bool = Field(
        description="Everything that the log had when it was asked is in it. False where the"
        " archive did not come that far in time: then it is some seconds old, or older."
    )


class ArchiveRequest(ApiModel):
    status: Literal["active", "archived"] = Field(examples=["archived"])


class PlainAnswer(ApiModel):
    status: Success = "success"


@router.get(
    "/conversations/{conversation_id:path}",
    summary="One conversation, and whether one may reply",
    response_model_exclude_none=True,
    responses=errors("conversation_not_found", "profile_not_found", "archive_unavailable"),
)
async def conversation(conversation_id: _Id, caller: Reader) -> ConversationAnswer:
    resources = caller.resources
    current = await resources.caught_up(caller.profile)
    identifier = await _meant(caller, conversation_id)
    now = resources.now()
    asking = resources.asking
    state, profile, rows = await asyncio.gather(
        states.conversation(asking, caller.profile, identifier),
        states.profile(asking, caller.profile, now),
        conversations.details(asking, caller.profile, [identifier]),
    )
    if not profile.exists:
        raise Problem("profile_not_found")
    if state is None:
        raise Problem("conversation_not_found")
    row = rows.get(identifier, {})
    decision = can_reply(profile.state, state, now, resources.rules)
    window = windows.expires_at(profile.state, state, resources.rules)
    expires = decision.expires_at or (None if window is None else from_ms(window))
    return ConversationAnswer(
        conversation_id=identifier,
        external_conversation_id=state.external[1] if state.external else None,
        platform=theirs(state.platform),
        account_id=state.account_id,
        correspondent=Person(
            id=state.correspondent_id,
            name=row.get("correspondent_name") or None,
            username=row.get("correspondent_username") or None,
        ),
        state="archived" if state.is_archived else "active",
        thread_control=state.thread_control,
        can_reply=_told(decision).model_copy(
            update={
                "expires_at": expires,
                "remaining_seconds": None
                if expires is None
                else max(0, int((expires - now).total_seconds())),
            }
        ),
        counts=Counts(
            messages=row.get("message_count", 0),
            received=row.get("received_count", 0),
            sent=row.get("sent_count", 0),
            auto_sent=row.get("auto_sent_count", 0),
        ),
        created=in_utc(row.get("first_message_at")),
        last_received=in_utc(row.get("last_received_at")),
        last_sent=in_utc(row.get("last_sent_at")),
        waiting_since=in_utc(row.get("waiting_since")),
        is_current=current,
    )


@router.put(
    "/messages/{platform}/{conversation_id:path}",
    summary="Archive a conversation, or take it back",
    response_model=PlainAnswer,
    responses=pending("Decided later: ask at Location.")
    | errors("conversation_not_found", "invalid_command", "idempotency_key_reused"),
)
async def archive(
    platform: PlatformInPath,
    conversation_id: _Id,
    body: ArchiveRequest,
    caller: Sender,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | PlainAnswer:
    resources = caller.resources
    await resources.caught_up(caller.profile)
    identifier = await _meant(caller, conversation_id)
    if not identifier.startswith(f"{ours(platform)}:"):
        raise Problem("conversation_not_found")
    kind = ArchiveConversation if body.status == "archived" else UnarchiveConversation
    asked = Asked(
        resources,
        caller.profile,
        f"archive:{identifier}",
        idempotency_key,
        prefer,
        body.model_dump(),
    )
    pending_one = await carry_out(
        asked, Step(lambda envelope: kind(**envelope, conversation_id=identifier))
    )
    return pending_one or PlainAnswer()


async def _meant(caller: Caller, named: str) -> str:
    found = await conversations.meant_by(caller.resources.asking, caller.profile, named)
    if found is None:
        raise Problem("conversation_not_found")
    return found


def _told(decision: Decision) -> CanReply:
    return CanReply(
        allowed=decision.allowed,
        reason=decision.reason,
        message=decision.message,
        opens_at=decision.opens_at,
        rank=decision.rank,
    )
