"""How rows read from the archive's views name and write what an intention expects.

The one place that knows the views: a renamed column is a change here and nowhere else.
"""

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

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
    """Milliseconds, from a datetime (naive ones are UTC) or RFC 3339. 1970 stands for never."""
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
    """The view's `in` and `out`, from the profile's side."""
    return {"in": "received", "out": "sent"}[str(value)]


def one_more(value: Any) -> int:
    """Texts from edits: the first text is one too."""
    return int(value) + 1


def yes(value: Any) -> bool:
    return bool(value)


def number(value: Any) -> int:
    """A count, or the length of what is listed."""
    return len(value) if isinstance(value, Sized) else int(value)


def reactions(value: Any) -> tuple[tuple[str, str], ...]:
    """From a map of person to emoji, or from a list of pairs or of objects; also as JSON text."""
    told = orjson.loads(value) if isinstance(value, str) and value else value or ()
    if isinstance(told, Mapping):
        return tuple(sorted((str(person), str(emoji)) for person, emoji in told.items()))
    pairs = (
        (one["person_id"], one["emoji"]) if isinstance(one, Mapping) else (one[0], one[1])
        for one in told
    )
    return tuple(sorted((str(person), str(emoji)) for person, emoji in pairs))


def months(value: Any) -> tuple[str, ...]:
    """`2026-11` each, from such texts or from dates of any day of the month."""
    return tuple(sorted(str(one)[:7] for one in value))


MESSAGES = View(
    key=("conversation_id", "message_id"),
    columns={
        "profile_id": Column("profile_id", word),
        "platform": Column("platform", word),
        "direction": Column("direction", direction),
        "sent_at": Column("occurred_at", instant),
        "text": Column("text", word),
        "attachments": Column("attachments", number),
        "versions": Column("edit_count", one_more),
        "is_deleted": Column("is_deleted", yes),
        "reactions": Column("reactions", reactions),
        "delivered_at": Column("delivered_at", instant),
        "read_at": Column("read_at", instant),
    },
)

CONVERSATIONS = View(
    key=("conversation_id",),
    columns={
        "profile_id": Column("profile_id", word),
        "platform": Column("platform", word),
        "received": Column("received_count", number),
        "sent": Column("sent_count", number),
        "first_received_at": Column("first_received_at", instant),
        "last_received_at": Column("last_received_at", instant),
        "first_sent_at": Column("first_sent_at", instant),
        "last_sent_at": Column("last_sent_at", instant),
        "active_months": Column("active_months", months),
        "thread_control": Column("thread_control", word),
    },
)
