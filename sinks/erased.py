"""What the archive has of a conversation, and the proof that its content is gone."""

from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from sinks.migrate import analytics_database


@dataclass(frozen=True, slots=True)
class Held:
    """What the archive has of a conversation."""

    messages: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What the archive says after the erasure, by content."""

    erased_at: datetime
    messages_kept: int
    """Counted as before, without content."""
    rows_left: int
    """Of all tables, that still hold content: 0."""


_OF_CONVERSATION = "profile_id = {profile:String} AND conversation_id = {conversation:String}"


def held(client: Client, profile: str, conversation: str, *, database: str = "dm") -> Held:
    """Raises the client's errors."""
    rows = client.query(
        "SELECT count(), minOrNull(occurred_at), maxOrNull(occurred_at)"
        f" FROM {analytics_database(database)}.messages WHERE {_OF_CONVERSATION}",
        parameters={"profile": profile, "conversation": conversation},
        tz_mode="aware",
    ).result_rows
    return Held(*rows[0])


def proof(
    client: Client, profile: str, conversation: str, erased_at: datetime, *, database: str = "dm"
) -> Proof | None:
    """None while the erasure of that instant is not carried out. Raises the client's errors."""
    rows = client.query(
        "SELECT erased_at, messages_kept, events_left + log_records_left + failures_left"
        f" FROM {analytics_database(database)}.erasures WHERE {_OF_CONVERSATION}"
        " AND is_finished AND erased_at >= {at:DateTime64(3, 'UTC')}",
        parameters={"profile": profile, "conversation": conversation, "at": erased_at},
        tz_mode="aware",
    ).result_rows
    return Proof(*rows[0]) if rows else None
