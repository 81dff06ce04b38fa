"""How rows read from the archive's views name and write what an intention expects.

The one place that knows the views: a renamed column is a change here and nowhere else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from streams.simulator import instants

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A column, and how its value is brought to the form of the intention."""

    name: str
    read: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class View:
    key: tuple[str, ...]
    """The columns that name a row."""
    columns: Mapping[str, Column]
    """By the intention's attribute."""


def instant(value: Any) -> int | None:
    """Milliseconds, from a datetime (naive ones are UTC) or RFC 3339. NULL and 1970 are never."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        zoned = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        value = instants.to_ms(zoned)
    return None if not value else int(value)


def word(value: Any) -> str | None:
    """Views know no NULL where an empty text says it."""
    return None if value in {None, ""} else str(value)


def direction(value: Any) -> str:
    return {"in": "received", "out": "sent"}.get(str(value), str(value))


def yes(value: Any) -> bool:
    return bool(value)


def number(value: Any) -> int:
    return int(value)


def versions(edit_count: Any) -> int:
    """The text as first written is one, too."""
    return int(edit_count) + 1


def attachments(value: Any) -> tuple[str, ...]:
    """The platforms' words. Drivers give a Tuple column by name or in its order."""
    return tuple(str(one["platform_type"] if isinstance(one, Mapping) else one[1]) for one in value)


def reactions(value: Any) -> tuple[tuple[str, str], ...]:
    """(person, emoji) each. Drivers give a Tuple column by name or in its order."""
    pairs = (
        (one["person_id"], one["emoji"]) if isinstance(one, Mapping) else (one[0], one[1])
        for one in value
    )
    return tuple(sorted((str(person), str(emoji)) for person, emoji in pairs))


MESSAGES = View(
    key=("conversation_id", "message_id"),
    columns={
        "profile_id": Column("profile_id", word),
        "platform": Column("platform", word),
        "provider": Column("provider", word),
        "direction": Column("direction", direction),
        "sent_at": Column("occurred_at", instant),
        "text": Column("text", word),
        "attachments": Column("attachments", attachments),
        "versions": Column("edit_count", versions),
        "edited_at": Column("edited_at", instant),
        "is_deleted": Column("is_deleted", yes),
        "deleted_at": Column("deleted_at", instant),
        "reactions": Column("reactions", reactions),
        "delivered_at": Column("delivered_at", instant),
        "read_at": Column("read_at", instant),
        "is_standby": Column("is_standby", yes),
        "is_unreadable": Column("is_unreadable", yes),
    },
)

CONVERSATIONS = View(
    key=("conversation_id",),
    columns={
        "profile_id": Column("profile_id", word),
        "platform": Column("platform", word),
        "provider": Column("provider", word),
        "received": Column("received_count", number),
        "sent": Column("sent_count", number),
        "first_received_at": Column("first_received_at", instant),
        "last_received_at": Column("last_received_at", instant),
        "first_sent_at": Column("first_sent_at", instant),
        "last_sent_at": Column("last_sent_at", instant),
        "waiting_since": Column("waiting_since", instant),
        "thread_control": Column("thread_control", word),
    },
)


def active_counts(rows: Iterable[Row]) -> dict[tuple[str, str], int]:
    """(profile, month) to number, from `dm_analytics.active_conversations`."""
    return {(row["profile_id"], row["month"]): int(row["active_count"]) for row in rows}


def failures(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """(sha256 of the original body, reason), from `dm_analytics.failed_events`."""
    for row in rows:
        body = row["original_value"]
        told = body if isinstance(body, bytes) else str(body).encode()
        yield sha256(told).hexdigest(), str(row["reason"])
