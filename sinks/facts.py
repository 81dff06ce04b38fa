"""Keeps the facts of conversations computed, so that the views need not (migrations 0009, 0017).

What an insert was about stands in `touched`, a part of the table for each insert. Here facts are
computed for the conversations of the parts that are there, and then just those parts are dropped:
an event that comes meanwhile makes a part of its own, and is not lost. A part that was merged away
in between stays, and is done again the next time. So nothing here has to happen: the views compute
what is not computed, and give the same numbers.

Each computing of a conversation is a version. It is told as hidden before its first row, and shown
once all are there: one insert shows it and ends the earlier ones. Of two that compute the same at
once the later number wins, whatever the order of their steps; whoever dies in between leaves rows
that nobody sees.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from sinks.errors import classified
from sinks.under_way import let_go

CONVERSATIONS_AT_ONCE = 20_000
"""So that one statement stays below about a gigabyte: a long conversation has some 50 kB of events
while it is computed."""

SETTLE_SECONDS = 0.5
"""The least time between the telling of hidden versions, their rows, their showing, and the end of
`touched`, where others ask: for those who ask another replica. Of this server's own questions those
that are under way are let go (sinks/under_way.py): what a question sees of one table may not be
older than what another one builds on."""

TIDY_ABOVE = 20_000
"""So many states are kept as a list that each question reads: some 5 ms."""

FLAT_TABLES = (
    "fact_heads", "fact_quarters", "fact_spans", "fact_turns", "fact_outs", "fact_delays",
    "fact_attachments", "fact_reactions", "fact_places", "fact_sends",
)  # fmt: skip

_SAFE_AFTER_SECONDS = 3600
"""No statement of ours runs that long: what it would still write comes before its rows are tidied
away for ever."""

_BEGUN, _SHOWN, _DEAD = 1, 2, 4
_NO_SUCH_PART = frozenset({"NO_SUCH_DATA_PART", "PART_IS_TEMPORARILY_LOCKED"})


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one call did."""

    conversations: int
    parts: int
    """Parts of `touched` whose conversations are all computed now."""


def refresh(
    client: Client,
    *,
    database: str = "dm",
    most_parts: int = 300,
    pause: float = 0.0,
) -> Refreshed:
    """Computes what is touched. Blocks; call it again where it did something, every few seconds.

    `pause`: seconds, SETTLE_SECONDS where other replicas are asked, too (see there). Raises
    ArchiveError (sinks.errors). Two at once do the same work twice and no harm.
    """
    try:
        return _refresh(client, database, most_parts, pause)
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{database}.fact_heads") from error


def refresh_beside_readers(client: Client, *, database: str = "dm") -> Refreshed:
    """`refresh` where others ask at the same time; and what many rounds leave is tidied away."""
    done = refresh(client, database=database, pause=SETTLE_SECONDS)
    if done.conversations:
        tidy(client, database=database)
    return done


def waiting(client: Client, *, database: str = "dm") -> int:
    """Conversations that the views compute by themselves now."""
    count = client.command(f"SELECT uniqExact(profile_id, conversation_id) FROM {database}.touched")
    return int(str(count))


def tidy(
    client: Client,
    *,
    database: str = "dm",
    above: int = TIDY_ABOVE,
    safe_after_seconds: int = _SAFE_AFTER_SECONDS,
) -> int:
    """Deletes the rows of dead versions, once there are many; returns how many versions went.

    In this order, so that it may end anywhere: what is dead stays told until its rows are gone.
    Raises ArchiveError.
    """
    try:
        return _tidy(client, database, above, safe_after_seconds)
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{database}.fact_states") from error


def _refresh(client: Client, database: str, most_parts: int, pause: float) -> Refreshed:
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
    batches: list[Values] = []
    conversations = 0
    after: tuple[str, str] | None = None
    while True:
        # In the order of the keys: each statement reads a stretch of the events, not all.
        rows = client.query(
            f"SELECT DISTINCT profile_id, conversation_id FROM {database}.touched"
            f" WHERE _part IN {{parts:Array(String)}} AND {_AFTER}"
            " ORDER BY profile_id, conversation_id LIMIT {most:UInt32}",
            parameters=_place(after) | {"parts": parts, "most": CONVERSATIONS_AT_ONCE},
        ).result_rows
        if not rows:
            break
        last = (str(rows[-1][0]), str(rows[-1][1]))
        stretch = _place(after) | {"parts": parts, "last_profile": last[0], "last": last[1]}
        batches.append(stretch | {"batch": uuid.uuid4().hex})
        _begin(client, database, batches[-1])
        conversations += len(rows)
        after = last
    _settle(client, pause)
    for batch in batches:
        _compute(client, database, batch)
    _settle(client, pause)
    for batch in batches:
        _show(client, database, batch)
    _settle(client, pause)
    return Refreshed(conversations, sum(_drop(client, database, part) for part in parts))


def _settle(client: Client, pause: float) -> None:
    time.sleep(pause)
    let_go(client)


Values = dict[str, Any]
"""Parameters of a statement: a stretch of touched conversations, and the batch that it is."""

_AFTER = (
    "({is_first:Bool} OR (profile_id, conversation_id) > ({after_profile:String}, {after:String}))"
)
_STRETCH = (
    "SELECT DISTINCT profile_id, conversation_id FROM {database}.touched"
    " WHERE _part IN {{parts:Array(String)}} AND "
    + _AFTER.replace("{", "{{").replace("}", "}}")
    + " AND (profile_id, conversation_id) <= ({{last_profile:String}}, {{last:String}})"
)
# By the key as well as by the batch: it is read at each round, and has a row per computing.
_KNOWN = (
    "(SELECT profile_id, conversation_id, version, batch FROM {database}.fact_versions"
    f" WHERE (profile_id, conversation_id) IN ({_STRETCH}))"
)
_PLAIN = {"async_insert": 0, "max_threads": 1}
"""One thread, as the inserts go on beside it: it is no slower than with two (measured, at 1,000 to
20,000 conversations on two cores)."""


def _place(after: tuple[str, str] | None) -> Values:
    profile, conversation = after or ("", "")
    return {"is_first": after is None, "after_profile": profile, "after": conversation}


def _begin(client: Client, database: str, values: Values) -> None:
    """New versions of a stretch of conversations, hidden and without rows."""
    client.command(
        f"INSERT INTO {database}.fact_versions (profile_id, conversation_id, version, batch)"
        " SELECT profile_id, conversation_id, generateSnowflakeID(), {batch:String}"
        f" FROM ({_STRETCH.format(database=database)})",
        parameters=values,
        settings=_PLAIN,
    )
    client.command(
        f"INSERT INTO {database}.fact_states (version, state)"
        f" SELECT version, {_BEGUN} FROM {_mine(database)}",
        parameters=values,
        settings=_PLAIN,
    )


def _compute(client: Client, database: str, values: Values) -> None:
    """The rows of what has begun."""
    names = _columns(client, database)
    client.command(
        f"INSERT INTO {database}.fact_arrivals ({', '.join(names)}, version)"
        f" SELECT {', '.join(f'c.{name}' for name in names)}, v.version"
        f" FROM (SELECT {', '.join(names)} FROM {database}.computed_facts"
        f" WHERE (profile_id, conversation_id) IN ({_STRETCH.format(database=database)})) AS c"
        f" INNER JOIN (SELECT * FROM {_mine(database)}) AS v"
        " ON c.profile_id = v.profile_id AND c.conversation_id = v.conversation_id",
        parameters=values,
        settings=_PLAIN,
    )


def _mine(database: str) -> str:
    return f"{_KNOWN.format(database=database)} WHERE batch = {{batch:String}}"


def _show(client: Client, database: str, values: Values) -> None:
    """In one insert of one part: a reader sees all of it or nothing."""
    known = _KNOWN.format(database=database)
    both = (
        f"{known} AS other"
        f" INNER JOIN (SELECT * FROM {known} WHERE batch = {{batch:String}}) AS mine"
        " ON mine.profile_id = other.profile_id AND mine.conversation_id = other.conversation_id"
    )
    client.command(
        f"INSERT INTO {database}.fact_states (version, state)"
        f" SELECT version, {_SHOWN} FROM {known} WHERE batch = {{batch:String}}"
        f" UNION ALL SELECT other.version, {_DEAD} FROM {both}"
        " WHERE other.version < mine.version"
        # One that began later and was faster.
        f" UNION ALL SELECT mine.version, {_DEAD} FROM {both}"
        " WHERE other.version > mine.version AND other.version IN"
        f" (SELECT version FROM {database}.fact_states WHERE state = {_SHOWN})",
        parameters=values,
        settings=_PLAIN | {"max_insert_threads": 1},
    )


def _columns(client: Client, database: str) -> list[str]:
    """The view computes more than is kept: the steps on the way."""
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = {database:String}"
        " AND table = 'fact_arrivals' AND name != 'version' ORDER BY position",
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


def _tidy(client: Client, database: str, above: int, safe_after_seconds: int) -> int:
    states = f"{database}.fact_states"
    # One instant for all statements: what dies in between keeps its rows and its state.
    before = client.command(f"SELECT toString(now64(3, 'UTC') - {int(safe_after_seconds)})")
    told = f"SELECT version FROM {states} GROUP BY version HAVING max(told_at) < '{before}'"
    if int(str(client.command(f"SELECT count() FROM ({told})"))) <= above:
        return 0
    # Begun long ago and never shown: whoever computed it is gone.
    gone = f"{told} AND bitAnd(groupBitOr(state), 6) != 2"
    count = int(str(client.command(f"SELECT count() FROM ({gone})")))
    for table in (*FLAT_TABLES, "fact_versions"):
        client.command(f"DELETE FROM {database}.{table} WHERE version IN ({gone})")
    # For good, and not as a mark on rows that each question would still read: it is a small table.
    client.command(
        f"ALTER TABLE {states} DELETE WHERE version IN ({told})", settings={"mutations_sync": 1}
    )
    return count
