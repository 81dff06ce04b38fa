"""Keeps the facts of conversations computed, so that the views need not (migration 0009).

What an insert was about stands in `touched`, a part of the table for each insert. Here facts are
computed for the conversations of the parts that are there, and then just those parts are dropped:
an event that comes meanwhile makes a part of its own, and is not lost. A part that was merged away
in between stays, and is done again the next time. So nothing here has to happen: the views compute
what is not computed, and give the same numbers.
"""

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from sinks.errors import classified

CONVERSATIONS_AT_ONCE = 20_000
"""So that one statement stays below about a gigabyte: a long conversation has some 50 kB of events
while it is computed."""

_MANY = 10_000
_NO_SUCH_PART = frozenset({"NO_SUCH_DATA_PART", "PART_IS_TEMPORARILY_LOCKED"})


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one call did."""

    conversations: int
    parts: int
    """Parts of `touched` whose conversations are all computed now."""


def refresh(client: Client, *, database: str = "dm", most_parts: int = 300) -> Refreshed:
    """Computes what is touched. Blocks; call it again where it did something, every few seconds.

    Raises ArchiveError (sinks.errors). Two at once do the same work twice and no harm.
    """
    try:
        return _refresh(client, database, most_parts)
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{database}.conversation_facts") from error


def waiting(client: Client, *, database: str = "dm") -> int:
    """Conversations that the views compute by themselves now."""
    count = client.command(f"SELECT uniqExact(profile_id, conversation_id) FROM {database}.touched")
    return int(str(count))


def _refresh(client: Client, database: str, most_parts: int) -> Refreshed:
    parts = [
        str(name)
        for (name,) in client.query(
            "SELECT name FROM system.parts WHERE database = {database:String}"
            " AND table = 'touched' AND active ORDER BY min_block_number LIMIT {most:UInt32}",
            parameters={"database": database, "most": most_parts},
        ).result_rows
    ]
    if not parts:
        return Refreshed(0, 0)
    touched = f"{database}.touched WHERE _part IN {{parts:Array(String)}}"
    names = ", ".join(fact_columns(client, database))
    conversations = 0
    after: tuple[str, str] | None = None
    while True:
        # In the order of the keys: each statement reads a stretch of the events, not all.
        rows = client.query(
            f"SELECT DISTINCT profile_id, conversation_id FROM {touched} AND {_AFTER}"
            " ORDER BY profile_id, conversation_id LIMIT {most:UInt32}",
            parameters=_place(after) | {"parts": parts, "most": CONVERSATIONS_AT_ONCE},
        ).result_rows
        if not rows:
            break
        last = (str(rows[-1][0]), str(rows[-1][1]))
        client.command(
            f"INSERT INTO {database}.conversation_facts ({names})"
            f" SELECT {names} FROM {database}.computed_facts"
            " WHERE (profile_id, conversation_id) IN ("
            f"SELECT profile_id, conversation_id FROM {touched} AND {_AFTER}"
            " AND (profile_id, conversation_id) <= ({last_profile:String}, {last:String}))",
            parameters=_place(after) | {"parts": parts, "last_profile": last[0], "last": last[1]},
            settings={"async_insert": 0},
        )
        conversations += len(rows)
        after = last
    if conversations > _MANY:
        # One part needs no merging at each question.
        client.command(f"OPTIMIZE TABLE {database}.conversation_facts FINAL")
    return Refreshed(conversations, sum(_drop(client, database, part) for part in parts))


_AFTER = (
    "({is_first:Bool} OR (profile_id, conversation_id) > ({after_profile:String}, {after:String}))"
)


def _place(after: tuple[str, str] | None) -> dict[str, str | bool]:
    profile, conversation = after or ("", "")
    return {"is_first": after is None, "after_profile": profile, "after": conversation}


def fact_columns(client: Client, database: str) -> list[str]:
    """The view computes more than the table keeps: the steps on the way."""
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = {database:String}"
        " AND table = 'conversation_facts' ORDER BY position",
        parameters={"database": database},
    ).result_rows
    return [str(name) for (name,) in rows]


def _drop(client: Client, database: str, part: str) -> bool:
    try:
        client.command(f"ALTER TABLE {database}.touched DROP PART '{part}'")
    except DatabaseError as error:
        if not any(name in str(error) for name in _NO_SUCH_PART):
            raise
        return False
    return True
