"""What happened, as it was recorded: plain data. Times are milliseconds since 1970, UTC.

Topics and groups go by their names without the pipeline's prefix. Nothing here is believed: each
part was recorded by itself, and the invariants hold one against another.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.base import Platform

CONVERSATIONS = "dmstream-conversations"
DELIVERY = "dmstream-delivery"
HISTORY = "dmstream-history"


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """One record of the log."""

    place: Place
    timestamp: int
    """When its writer put it in line, by the writer's clock: never later than it was durable."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Request(NamedTuple):
    """One webhook as it was sent in, and how that ended."""

    sha256: str
    """Hex digest of the body."""
    meant: int
    """The status that a right gateway answers in the end."""
    answered: int
    """The one that stood in the end; 0 where none came."""


class Commit(NamedTuple):
    """What a group had committed, seen at one moment."""

    group: str
    topic: str
    partition: int
    offset: int
    read_at: int
    """When the answer was there: the commit is not younger."""
    archived: int | None = None
    """Of an archived topic: the first offset that the archive lacked, asked after that."""


class ArchivedRecord(NamedTuple):
    """A record of the log as the archive has it."""

    place: Place
    event_id: str
    """Empty of failures and unreadable records."""
    seen: int = 1
    """Rows as a reader sees them (under FINAL)."""
    stored: int = 1
    """Rows as they lie there."""


class ConversationCounts(NamedTuple):
    """A conversation as analysts see it."""

    messages: int
    last_received_at: int | None
    last_sent_at: int | None


class Attempt(NamedTuple):
    """One request to send as the platform met it."""

    key: str
    """Equal for the same message."""
    kept: bool
    settled: bool
    """Its answer told for certain that the message was refused: it may be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What ClickHouse says, of this log alone where a log is told apart."""

    records: Sequence[ArchivedRecord] = ()
    events: Sequence[tuple[str, str]] = ()
    """(profile, event id) of each row of `events`, as a reader sees them."""
    stored_events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By the same, how many rows lie there."""
    conversations: Mapping[tuple[str, str], ConversationCounts] = field(default_factory=dict)
    """By profile and conversation."""
    daily_messages: Mapping[str, int] = field(default_factory=dict)
    """By profile: the sum over `messages_daily`, received and sent."""
    active: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By profile and month: active conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that the checker knows. What was not recorded is None, and is then not looked at."""

    log: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    """By topic; within a partition in the order of the offsets."""
    requests: Sequence[Request] | None = None
    archive: Archive | None = None
    state: Mapping[bytes, bytes] | None = None
    """The live state of the conversations worker: the newest value of each key."""
    state_changes: Sequence[tuple[bytes, bytes | None]] = ()
    """Its changelog in order: keys and values, None for one that is gone."""
    commits: Sequence[Commit] = ()
    attempts: Sequence[Attempt] | None = None
    single_writer: bool = False
    """No history worker died, was stopped or lost a partition while it was recorded: then nothing
    but a repeated insert can have stored a record twice."""
    own_app_ids: AbstractSet[str] = frozenset()
    monthly_limit: int = 100
    """Of profiles that have none of their own."""
    windows: Mapping[Platform, int | None] = field(default_factory=dict)
    """Reply windows in ms, of profiles that have none of their own. None: no window."""
