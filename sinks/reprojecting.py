"""The facts of all conversations computed anew, beside the ones in use, then put in their place.

For whoever doubts them, or changed how they are computed: what is in `conversation_facts` is a
function of `events` (sinks/facts.py), so it can always be made again. Traffic goes on meanwhile,
and views stay exact: until the swap they read the old table. What was computed for it since this
began is carried over, and what the swap itself may have overtaken is touched, so that views
compute it.
"""

import time
from collections.abc import Callable
from datetime import datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.errors import classified
from sinks.facts import CONVERSATIONS_AT_ONCE, fact_columns

TABLE = "conversation_facts"
BESIDE = "conversation_facts_beside"

_SETTLE_SECONDS = 10.0
"""Longer than an insert takes from its first table to its last, most often by much."""


def reproject(
    client: Client,
    *,
    database: str = "dm",
    cluster: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
    at_once: int = CONVERSATIONS_AT_ONCE,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Returns how many conversations were computed. Blocks; one at a time. A call that was cut
    leaves a table beside, which the next one begins anew. Raises ArchiveError (sinks.errors)."""
    try:
        return _reproject(client, database, cluster, progress, at_once, sleep)
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{database}.{TABLE}") from error


def _reproject(  # noqa: PLR0917 - of one caller
    client: Client,
    database: str,
    cluster: str | None,
    progress: Callable[[int], None],
    at_once: int,
    sleep: Callable[[float], None],
) -> int:
    on = f" ON CLUSTER {cluster}" if cluster else ""
    old, new = f"{database}.{TABLE}", f"{database}.{BESIDE}"
    client.command(f"DROP TABLE IF EXISTS {new}{on} SYNC")
    client.command(f"CREATE TABLE {new}{on} AS {old}")
    began = _now(client)
    names = ", ".join(fact_columns(client, database))
    computed = 0
    after: tuple[str, str] | None = None
    while (piece := _next(client, database, after, at_once)) is not None:
        last, count = piece
        client.command(
            f"INSERT INTO {new} ({names}) SELECT {names} FROM {database}.computed_facts"
            " WHERE (profile_id, conversation_id) IN ("
            f"SELECT profile_id, conversation_id FROM {database}.events WHERE {_BETWEEN})",
            parameters=_place(after) | {"last_profile": last[0], "last": last[1]},
            settings={"async_insert": 0},
        )
        computed += count
        progress(computed)
        after = last
    # What came while this computed went into the old table, later: the latest of two stays.
    since = {"since": began}
    client.command(
        f"INSERT INTO {new} ({names}) SELECT {names} FROM {old} WHERE {_SINCE}",
        parameters=since,
        settings={"async_insert": 0},
    )
    client.command(f"EXCHANGE TABLES {old} AND {new}{on}")
    _touch(client, database, began)
    sleep(_SETTLE_SECONDS)
    _touch(client, database, began)
    client.command(f"DROP TABLE {new}{on} SYNC")
    return computed


def _touch(client: Client, database: str, began: datetime) -> None:
    """What came since this began is computed again. A worker's own computing that had begun before
    the swap writes into the table that is dropped, and takes the touch with it: so it is told here
    by the events themselves, and twice, since `event_log` is written after `events`."""
    client.command(
        f"INSERT INTO {database}.touched (profile_id, conversation_id)"
        f" SELECT DISTINCT profile_id, conversation_id FROM {database}.event_log"
        " WHERE inserted_at >= {since:DateTime64(6, 'UTC')} AND event_id != ''",
        parameters={"since": began},
        settings={"async_insert": 0},
    )


_AFTER = (
    "({is_first:Bool} OR (profile_id, conversation_id) > ({after_profile:String}, {after:String}))"
)
_BETWEEN = _AFTER + " AND (profile_id, conversation_id) <= ({last_profile:String}, {last:String})"
_SINCE = "computed_at >= {since:DateTime64(6, 'UTC')}"


def _next(
    client: Client, database: str, after: tuple[str, str] | None, at_once: int
) -> tuple[tuple[str, str], int] | None:
    """The last conversation of the next piece, and how many there are in it."""
    rows = client.query(
        "SELECT argMax(profile_id, place), argMax(conversation_id, place), count() FROM ("
        "SELECT profile_id, conversation_id, (profile_id, conversation_id) AS place"
        f" FROM {database}.events WHERE {_AFTER} GROUP BY profile_id, conversation_id"
        " ORDER BY profile_id, conversation_id LIMIT {most:UInt32})",
        parameters=_place(after) | {"most": at_once},
    ).result_rows
    profile, conversation, count = rows[0]
    return ((str(profile), str(conversation)), int(count)) if count else None


def _place(after: tuple[str, str] | None) -> dict[str, str | bool | int]:
    profile, conversation = after or ("", "")
    return {"is_first": after is None, "after_profile": profile, "after": conversation}


def _now(client: Client) -> datetime:
    """By the server's clock, which stamps the rows."""
    found: datetime = client.query("SELECT now64(6, 'UTC')").result_rows[0][0]
    return found
