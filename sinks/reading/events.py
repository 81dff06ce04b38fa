"""Events back from their rows: what state is folded from, and what became of a command."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.base import rfc3339
from schemas.events import Event, parse_event
from sinks.reading.asking import Asking, Row

_MOST_OF_A_KIND = 500
"""Of a conversation, the newest: what holds now is a maximum over them (the core's invariant 5).
Without a bound a conversation of 100,000 messages would cost seconds."""

ATTRIBUTE_COLUMNS = """
    event_id, kind, platform, provider, account_id, correspondent_id, command_id, profile_id,
    conversation_id, message_id, toUnixTimestamp64Milli(occurred_at) AS occurred_ms,
    toUnixTimestamp64Milli(received_at) AS received_ms, is_backfilled, is_standby,
    is_time_estimated, is_unreadable, text, attachments, origin, party, person_id, emoji,
    toUnixTimestamp64Milli(watermark_at) AS watermark_ms, correlation_id, causation_id, details
"""

# Columns of `events` that are keys of the event's body under their own name.
_SAME = ("provider", "account_id", "correspondent_id", "command_id", "message_id", "text", "origin",
         "person_id", "emoji")  # fmt: skip
_FLAGS = {
    "is_backfilled": "backfilled",
    "is_standby": "standby",
    "is_time_estimated": "time_estimated",
    "is_unreadable": "is_unreadable",
}


async def of_profile(
    asking: Asking, profileid: str, months_from: str, *, most: int = 20_000
) -> list[Event]:
    """Everything that happened to the profile itself, and the places its conversations took since
    the month (`2026-10`): what the core's ProfileState is folded from."""
    return _events(
        await asking.rows(
            f"SELECT {ATTRIBUTE_COLUMNS} FROM $db.events FINAL"
            " WHERE profile_id = {profile:String}"
            " AND (conversation_id = '' OR (message_id = '' AND kind = 'conversation.activated'"
            " AND month >= {month:String})) LIMIT {most:UInt32}",
            profile=profileid,
            month=months_from,
            most=most,
        )
    )


async def of_profiles(asking: Asking, profileids: list[str]) -> list[Event]:
    """Everything that happened to these profiles themselves, without their months."""
    return _events(
        await asking.rows(
            f"SELECT {ATTRIBUTE_COLUMNS} FROM $db.events FINAL"
            " WHERE profile_id IN {profiles:Array(String)} AND conversation_id = ''",
            profiles=profileids,
        )
    )


async def of_conversation(asking: Asking, profileid: str, conversation: str) -> list[Event]:
    """What the core's ConversationState is folded from: the newest of each kind."""
    return _events(
        await asking.rows(
            f"SELECT {ATTRIBUTE_COLUMNS} FROM $db.events FINAL"
            " WHERE profile_id = {profile:String} AND conversation_id = {conversation:String}"
            f" ORDER BY occurred_at DESC, event_id LIMIT {_MOST_OF_A_KIND} BY kind",
            profile=profileid,
            conversation=conversation,
        )
    )


async def of_command(asking: Asking, profileid: str, command_id: str) -> list[Event]:
    """What was told of the command, in the order in which it was heard."""
    rows = await asking.rows(
        f"SELECT {ATTRIBUTE_COLUMNS} FROM $db.events FINAL WHERE profile_id = {{profile:String}}"
        " AND (command_id = {command:String} OR (command_id = ''"
        " AND causation_id = {command:String})) ORDER BY received_at, logged_at LIMIT 100",
        profile=profileid,
        command=command_id,
    )
    return _events(rows)


async def of_commands(asking: Asking, profileid: str, beginning: str) -> list[Event]:
    """What was told of the profile itself by commands whose ids begin so."""
    return _events(
        await asking.rows(
            f"SELECT {ATTRIBUTE_COLUMNS} FROM $db.events FINAL"
            " WHERE profile_id = {profile:String}"
            " AND conversation_id = '' AND startsWith(causation_id, {beginning:String})"
            " ORDER BY received_at, logged_at LIMIT 1000",
            profile=profileid,
            beginning=beginning,
        )
    )


class Span(NamedTuple):
    """Where some events stand on a partition of the log."""

    first: int
    after: int
    """The offset after the last."""
    found: int


async def span(
    asking: Asking,
    profileid: str,
    place: tuple[str, str, int],
    kinds: Collection[str],
    heard: tuple[datetime, datetime],
) -> Span | None:
    """Of the profile's events of these types that we heard of from the one instant on and before
    the other, without history that was fetched. `place`: log, topic, partition."""
    rows = await asking.rows(
        "SELECT min(_offset) AS first, max(_offset) + 1 AS after, count() AS found"
        " FROM $db.event_log FINAL WHERE _log = {log:String} AND _topic = {topic:String}"
        " AND _partition = {number:UInt32} AND profile_id = {profile:String}"
        " AND type IN {kinds:Array(String)} AND NOT JSONExtractBool(payload, 'data', 'backfilled')"
        " AND received_at >= fromUnixTimestamp64Milli({since:Int64})"
        " AND received_at < fromUnixTimestamp64Milli({until:Int64})",
        log=place[0],
        topic=place[1],
        number=place[2],
        profile=profileid,
        kinds=sorted(kinds),
        since=round(heard[0].timestamp() * 1000),
        until=round(heard[1].timestamp() * 1000),
    )
    row = rows[0]
    return Span(row["first"], row["after"], row["found"]) if row["found"] else None


def _events(rows: Any) -> list[Event]:
    """Those that can be read: what erasure has blanked may lack what its kind needs."""
    found = []
    for row in rows:
        try:
            found.append(parse_event(orjson.dumps(attributes(row))))
        except ValidationError:
            continue
    return found


def attributes(row: Row) -> dict[str, Any]:
    """The event as its JSON has it, from a row of ATTRIBUTE_COLUMNS."""
    body: dict[str, Any] = orjson.loads(row["details"]) if row["details"] else {}
    body |= {name: row[name] for name in _SAME if row[name]}
    body |= {key: True for column, key in _FLAGS.items() if row[column]}
    # An account may be named by its network alone: then its id is empty, and told so.
    body.setdefault("account_id", "")
    body.setdefault("correspondent_id", "")
    if row["attachments"]:
        body["attachments"] = orjson.loads(row["attachments"])
    if row["party"]:
        body["by"] = row["party"]
    if row["watermark_ms"]:
        body["watermark_at"] = _instant(row["watermark_ms"])
    return {
        "id": row["event_id"],
        # Older rows do not tell who told of it; the rules do not ask.
        "source": "/dmstream/archive",
        "type": f"dm.{row['kind']}.v1",
        "time": _instant(row["occurred_ms"]),
        "receivedat": _instant(row["received_ms"]),
        "profileid": row["profile_id"],
        "subject": row["conversation_id"] or None,
        "platform": row["platform"] or None,
        "correlationid": row["correlation_id"] or None,
        "causationid": row["causation_id"] or None,
        "data": body,
    }


def _instant(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
