"""Conversations of a profile: a page of them, one of them, and which one an id means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sinks.reading.asking import Asking, Row
from sinks.reading.messages import ARCHIVED

_DETAILS = (
    "conversation_id, external_conversation_id, platform, account_id, correspondent_id,"
    " correspondent_name, correspondent_username, first_message_at, last_message_at,"
    " last_received_at, last_sent_at, message_count, received_count, sent_count, auto_sent_count,"
    " waiting_since, is_archived"
)


class ConversationPlace(NamedTuple):
    """Where a conversation stands among those of its profile as they were at one instant."""

    last_at: int
    conversation_id: str
    as_of: int
    """Milliseconds; messages written after it are not looked at, so that a conversation that gets
    one meanwhile keeps its place."""


@dataclass(frozen=True, slots=True)
class ConversationPage:
    rows: Sequence[Row]
    following: ConversationPlace | None


async def page(
    asking: Asking,
    profileid: str,
    platform: str,
    *,
    archived: bool,
    limit: int,
    as_of: int,
    after: ConversationPlace | None,
) -> ConversationPage:
    """Rows of the view `conversations`, the one with the latest message first."""
    if after is not None:
        as_of = after.as_of
    last_at, last_id = (after.last_at, after.conversation_id) if after else (2**62, "")
    ids = await asking.rows(
        "SELECT conversation_id, toUnixTimestamp64Milli(max(occurred_at)) AS last_at"
        " FROM $db.events FINAL WHERE profile_id = {profile:String} AND slot = ''"
        " AND kind IN ('message.received', 'message.sent') AND platform = {platform:String}"
        f" AND conversation_id {'IN' if archived else 'NOT IN'} {ARCHIVED}"
        " AND toUnixTimestamp64Milli(occurred_at) <= {as_of:Int64} GROUP BY conversation_id"
        " HAVING (last_at, conversation_id) < ({last:Int64}, {id:String})"
        " ORDER BY last_at DESC, conversation_id DESC LIMIT {count:UInt32}",
        profile=profileid,
        platform=platform,
        as_of=as_of,
        last=last_at,
        id=last_id,
        count=limit + 1,
    )
    shown = ids[:limit]
    if not shown:
        return ConversationPage((), None)
    found = await details(asking, profileid, [row["conversation_id"] for row in shown])
    last = shown[-1]
    following = ConversationPlace(last["last_at"], last["conversation_id"], as_of)
    return ConversationPage(
        [found[row["conversation_id"]] for row in shown if row["conversation_id"] in found],
        following if len(ids) > limit else None,
    )


async def details(asking: Asking, profileid: str, conversations: list[str]) -> dict[str, Row]:
    """By conversation; those that have no message are not there."""
    rows = await asking.rows(
        f"SELECT {_DETAILS} FROM $views.conversations WHERE profile_id = {{profile:String}}"
        " AND conversation_id IN {conversations:Array(String)}",
        profile=profileid,
        conversations=conversations,
    )
    return {row["conversation_id"]: row for row in rows}


async def meant_by(asking: Asking, profileid: str, named: str) -> str | None:
    """Our id of the profile's conversation that is named by it, or by its provider's own id; None
    where the profile has none such, whoever else has."""
    rows = await asking.rows(
        "SELECT conversation_id FROM $db.events WHERE profile_id = {profile:String}"
        " AND conversation_id = {named:String} LIMIT 1"
        " UNION ALL SELECT conversation_id FROM $db.events WHERE profile_id = {profile:String}"
        " AND conversation_id != '' AND external_conversation_id = {named:String} LIMIT 1",
        profile=profileid,
        named=named,
    )
    return str(rows[0]["conversation_id"]) if rows and named else None
