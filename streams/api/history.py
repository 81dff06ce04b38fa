"""`GET /messages/{platform}`: the whole history, newest first."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from schemas.base import Instant, to_milliseconds
from sinks.reading import conversations, messages
from sinks.reading.asking import Row
from streams.api import cursors
from streams.api.access import Caller, ReaderOfExisting
from streams.api.documents import errors
from streams.api.errors import Problem
from streams.api.shapes import ApiModel, Identifier, PlatformInPath, Success, ours, theirs
from streams.conversation.instants import from_ms, to_ms

router = APIRouter(tags=["messages"])

_MOST = 1_000
_FRESH = timedelta(seconds=1)

Status = Literal["active", "archived"]


class Person(ApiModel):
    id: str | None = None
    name: str | None = None
    username: str | None = None
    profile_image: str | None = None


class MessageAttachment(ApiModel):
    type: str = Field(examples=["image"])
    url: str | None = None
    title: str | None = None
    id: str | None = None


class HistoryMessage(ApiModel):
    """One message with all that became of it. What it does not have is left out."""

    id: str = Field(description="The platform's id.", examples=["m_AbCdEf"])
    conversation_id: str
    external_conversation_id: str | None = Field(
        default=None, description="The provider's own id of the conversation."
    )
    platform: str = Field(examples=["facebook"])
    action: Literal["sent", "received"]
    message: str | None = Field(default=None, description="The text as it is now.")
    sender_id: str
    sender_details: Person | None = None
    recipient_id: str
    recipient_details: Person | None = None
    attachments: list[MessageAttachment] | None = None
    reactions: dict[str, str] | None = Field(
        default=None, description="By person, the reaction that stands."
    )
    created: Instant
    updated: Instant | None = Field(default=None, description="When it was last edited.")
    versions: list[str] | None = Field(
        default=None, description="Of an edited message: the texts, oldest first."
    )
    deleted: Instant | None = Field(default=None, description="When it was deleted; no text then.")
    delivered: Instant | None = None
    read: Instant | None = Field(default=None, description="When the other side had read it.")
    reply_to: str | None = Field(default=None, description="The message that it answers.")
    origin: str | None = Field(
        default=None, description="Sent: `api`, `auto`, or `elsewhere` (not by dmstream)."
    )
    command_id: str | None = None


class ConversationDetails(ApiModel):
    """What conversationsOnly tells of each."""

    conversation_id: str
    external_conversation_id: str | None = None
    platform: str
    correspondent: Person
    messages_count: int
    created: Instant
    last_message: Instant
    waiting_since: Instant | None = Field(
        default=None, description="The first message that no person has answered yet."
    )


class Pagination(ApiModel):
    next: str | None = Field(default=None, description="For `next`; absent on the last page.")
    limit: int


class Meta(ApiModel):
    pagination: Pagination


class HistoryAnswer(ApiModel):
    """`messages`, or with conversationsOnly `conversationIds` and `conversationsDetails`."""

    status: Success = "success"
    messages: list[HistoryMessage] | None = None
    messages_count: int | None = Field(default=None, description="In this answer.")
    conversation_ids: list[str] | None = None
    conversations_details: dict[str, ConversationDetails] | None = None
    last_updated: Instant = Field(description="When this was read.")
    next_update: Instant = Field(description="Before that there is rarely anything new.")
    is_current: bool = Field(
        description="Everything that the log had when it was asked is in it. False where the"
        " archive did not come that far in time."
    )
    meta: Meta


@router.get(
    "/messages/{platform}",
    summary="Read messages, or conversations",
    response_model_exclude_none=True,
    responses=errors(
        "invalid_cursor", "profile_not_found", "conversation_not_found", "archive_unavailable"
    ),
)
async def history(
    platform: PlatformInPath,
    caller: ReaderOfExisting,
    status: Annotated[
        Status | None,
        Query(description="`active` where absent; of one conversation, whatever it is."),
    ] = None,
    conversation_id: Annotated[
        Identifier | None, Query(alias="conversationId", description="Ours, or the provider's own.")
    ] = None,
    conversations_only: Annotated[
        bool, Query(alias="conversationsOnly", description="`conversationId` is passed over then.")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Of one answer.")] = _MOST,
    following: Annotated[
        str | None,
        Query(
            alias="next",
            max_length=2_000,
            description="`meta.pagination.next` of the answer before, to the same question.",
        ),
    ] = None,
) -> HistoryAnswer:
    # A page that follows another is of the past: what came since stands before it.
    current = following is not None or await caller.resources.caught_up(caller.profile)
    question = [caller.profile, ours(platform), status]
    if conversations_only:
        return await _conversations(caller, [*question, "conversations"], limit, following, current)
    return await _messages(caller, [*question, conversation_id], limit, following, current)


async def _messages(
    caller: Caller, question: Sequence[str | None], limit: int, following: str | None, current: bool
) -> HistoryAnswer:
    _, platform, status, named = question
    asking = caller.resources.asking
    conversation = None
    if named is not None:
        conversation = await conversations.meant_by(asking, caller.profile, named)
        if conversation is None or not conversation.startswith(f"{platform}:"):
            raise Problem("conversation_not_found")
        archived = None if status is None else status == "archived"
    else:
        archived = status == "archived"
    after = None
    if following is not None:
        at, message_id, last = cursors.read(following, question, int, str, str)
        after = messages.Place(int(at), str(message_id), str(last))
    page = await messages.page(
        asking,
        messages.Wanted(caller.profile, platform or "", conversation, archived),
        limit=limit,
        after=after,
    )
    answer = _answer(caller, limit, current, question, page.following)
    shown = [_message(row) for row in page.rows]
    return answer.model_copy(update={"messages": shown, "messages_count": len(shown)})


async def _conversations(
    caller: Caller, question: Sequence[str | None], limit: int, following: str | None, current: bool
) -> HistoryAnswer:
    after = None
    if following is not None:
        at, last, as_of = cursors.read(following, question, int, str, int)
        after = conversations.ConversationPlace(int(at), str(last), int(as_of))
    page = await conversations.page(
        caller.resources.asking,
        caller.profile,
        question[1] or "",
        archived=question[2] == "archived",
        limit=limit,
        # A platform's clock may be a little ahead of ours.
        as_of=to_ms(caller.resources.now() + timedelta(days=1)),
        after=after,
    )
    answer = _answer(caller, limit, current, question, page.following)
    details = {row["conversation_id"]: _details(row) for row in page.rows}
    return answer.model_copy(
        update={"conversation_ids": list(details), "conversations_details": details}
    )


def _answer(
    caller: Caller,
    limit: int,
    current: bool,
    question: Sequence[str | None],
    place: Sequence[cursors.Part] | None,
) -> HistoryAnswer:
    now = to_milliseconds(caller.resources.now())
    return HistoryAnswer(
        last_updated=now,
        next_update=now + _FRESH,
        is_current=current,
        meta=Meta(
            pagination=Pagination(
                limit=limit, next=None if place is None else cursors.write(question, place)
            )
        ),
    )


def _message(row: Row) -> HistoryMessage:
    received = row["direction"] == "in"
    person = Person(
        id=row["correspondent_id"],
        name=row["name"] or None,
        username=row["username"] or None,
        profile_image=row["picture_url"] or None,
    )
    account = Person(id=row["account_id"])
    return HistoryMessage(
        id=row["message_id"],
        conversation_id=row["conversation_id"],
        external_conversation_id=row["external_conversation_id"] or None,
        platform=theirs(row["platform"]),
        action="received" if received else "sent",
        message=row["text"] or None,
        sender_id=row["correspondent_id"] if received else row["account_id"],
        sender_details=person if received else account,
        recipient_id=row["account_id"] if received else row["correspondent_id"],
        recipient_details=account if received else person,
        attachments=[_attachment(one) for one in row["attachments"]] or None,
        reactions={one["person_id"]: one["emoji"] for one in row["reactions"]} or None,
        created=from_ms(row["at"]),
        updated=in_utc(row["edited_at"]),
        versions=list(row["text_versions"])
        if row["edit_count"] and not row["is_deleted"]
        else None,
        deleted=in_utc(row["deleted_at"]),
        delivered=in_utc(row["delivered_at"]),
        read=in_utc(row["read_at"]),
        reply_to=row["reply_to_message_id"] or None,
        origin=row["origin"] or None,
        command_id=row["command_id"] or None,
    )


def _attachment(one: Row) -> MessageAttachment:
    return MessageAttachment(
        type=one["type"], url=one["url"] or None, title=one["title"] or None, id=one["id"] or None
    )


def _details(row: Row) -> ConversationDetails:
    return ConversationDetails(
        conversation_id=row["conversation_id"],
        external_conversation_id=row["external_conversation_id"] or None,
        platform=theirs(row["platform"]),
        correspondent=Person(
            id=row["correspondent_id"],
            name=row["correspondent_name"] or None,
            username=row["correspondent_username"] or None,
        ),
        messages_count=row["message_count"],
        created=in_utc(row["first_message_at"]),
        last_message=in_utc(row["last_message_at"]),
        waiting_since=in_utc(row["waiting_since"]),
    )


def in_utc(instant: datetime | None) -> datetime | None:
    """ClickHouse's client leaves the zone out where a column is UTC."""
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)
