"""Pages of messages, newest first, by their place in time: nothing that arrives moves a page."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sinks.reading.asking import Asking, Row

ARCHIVED = (
    "(SELECT conversation_id FROM $db.events WHERE profile_id = {profile:String}"
    " AND message_id = '' AND kind IN ('conversation.archived', 'conversation.unarchived')"
    " GROUP BY conversation_id"
    " HAVING argMax(kind, (occurred_at, event_id)) = 'conversation.archived')"
)
"""The profile's conversations that are archived now. Without FINAL: a copy changes no maximum."""


class Place(NamedTuple):
    """Where a message stands; unique, and the order of pages."""

    at: int
    """Milliseconds since 1970."""
    message_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    profileid: str
    platform: str
    conversation_id: str | None = None
    archived: bool | None = None
    """Of archived conversations, of the others, or (None) of both."""


@dataclass(frozen=True, slots=True)
class MessagePage:
    rows: Sequence[Row]
    following: Place | None
    """The last message of this page, where there are more."""


async def page(asking: Asking, wanted: Wanted, *, limit: int, after: Place | None) -> MessagePage:
    """Rows of the view `messages`, with the correspondent's name and picture as last told.

    First the places of one page, from a narrow read of the profile's range of the table; then only
    these messages with all that was said of them.
    """
    places = await _places(asking, wanted, limit + 1, after)
    more = len(places) > limit
    places = places[:limit]
    if not places:
        return MessagePage((), None)
    conversations = sorted({place.conversation_id for place in places})
    asked = asking.rows(
        "SELECT message_id, conversation_id, platform, account_id, correspondent_id, direction,"
        " toUnixTimestamp64Milli(occurred_at) AS at, text, text_versions, edit_count, edited_at,"
        " attachments, reactions, reply_to_message_id, origin, command_id, is_backfilled,"
        " is_unreadable, is_deleted, deleted_at, delivered_at, read_at"
        " FROM $views.messages WHERE profile_id = {profile:String}"
        " AND conversation_id IN {conversations:Array(String)}"
        " AND message_id IN {messages:Array(String)}",
        profile=wanted.profileid,
        conversations=conversations,
        messages=[place.message_id for place in places],
    )
    found, people = await asyncio.gather(asked, _people(asking, wanted.profileid, conversations))
    by_place = {(row["message_id"], row["conversation_id"]): row for row in found}
    rows = [
        {**by_place[place.message_id, place.conversation_id], **people[place.conversation_id]}
        for place in places
        if (place.message_id, place.conversation_id) in by_place
    ]
    return MessagePage(rows, places[-1] if more else None)


async def _places(
    asking: Asking, wanted: Wanted, count: int, after: Place | None
) -> Sequence[Place]:
    conditions = [
        "profile_id = {profile:String}",
        "slot = ''",
        "kind IN ('message.received', 'message.sent')",
        "platform = {platform:String}",
    ]
    if wanted.conversation_id is not None:
        conditions.append("conversation_id = {conversation:String}")
    if wanted.archived is not None:
        conditions.append(f"conversation_id {'IN' if wanted.archived else 'NOT IN'} {ARCHIVED}")
    if after is not None:
        conditions.append(
            "(toUnixTimestamp64Milli(occurred_at), message_id, conversation_id)"
            " < ({at:Int64}, {message:String}, {last:String})"
        )
    at, message, last = after or Place(0, "", "")
    rows = await asking.rows(
        "SELECT toUnixTimestamp64Milli(occurred_at) AS at, message_id, conversation_id"
        f" FROM $db.events FINAL WHERE {' AND '.join(conditions)}"
        " ORDER BY at DESC, message_id DESC, conversation_id DESC LIMIT {count:UInt32}",
        profile=wanted.profileid,
        platform=wanted.platform,
        conversation=wanted.conversation_id or "",
        at=at,
        message=message,
        last=last,
        count=count,
    )
    return [Place(row["at"], row["message_id"], row["conversation_id"]) for row in rows]


async def _people(asking: Asking, profileid: str, conversations: list[str]) -> dict[str, Row]:
    """Of each conversation: `name`, `username`, `picture_url` and the provider's own id of it."""
    picture = "JSONExtractString(details, 'correspondent', 'picture_url')"
    rows = await asking.rows(
        "SELECT conversation_id,"
        " argMaxIf(correspondent_name, (occurred_at, event_id), correspondent_name != '') AS name,"
        " argMaxIf(correspondent_username, (occurred_at, event_id),"
        " correspondent_username != '') AS username,"
        f" argMaxIf({picture}, (occurred_at, event_id), {picture} != '') AS picture_url,"
        " argMaxIf(external_conversation_id, (occurred_at, event_id),"
        " external_conversation_id != '') AS external_conversation_id"
        " FROM $db.events FINAL WHERE profile_id = {profile:String}"
        " AND conversation_id IN {conversations:Array(String)} GROUP BY conversation_id",
        profile=profileid,
        conversations=conversations,
    )
    return {row["conversation_id"]: row for row in rows}
