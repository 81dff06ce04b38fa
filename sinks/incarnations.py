"""Incarnations of the log: reading an earlier one back, and dropping it once it is contained.

The embedded broker forgets at exit, so each start is a new log with a new id. The archived events
are put back on it, with the header `dm-restored-from`, and come to the archive again under the new
id. `events` holds each once all the same; `event_log` holds both until the older one is dropped.
"""

from collections.abc import Iterator
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from sinks.unlogged import count_unlogged, read_unlogged

_BLOCK_ROWS = 8192
_COMPARED_AT_ONCE = 2_000_000
"""Identities held in the server's memory while logs are compared: 16 bytes each and their table."""

_IDENTITY = "sipHash128(profile_id, event_id, payload)"
"""The same record, told again. Not the same event id alone: an echo and the answer to our own send
are one event, and only one of the two names the command. State is the fold of both (measured: with
one of them 17 fields of a day's rebuilt state were others)."""
_SETTINGS = {
    # Rows come in the order of the key without sorting, so the first arrive at once and the
    # server's memory does not grow with the log.
    "optimize_read_in_order": 1,
    "max_block_size": _BLOCK_ROWS,
}


UNLOGGED = "events"
"""The origin of what only the table `events` had: nobody knows where it stood."""


class Archived(NamedTuple):
    key: bytes
    value: bytes
    origin: str
    """`log/partition/offset`, where it stood, or UNLOGGED: the value of `dm-restored-from`."""


def incarnations(client: Client, *, database: str = "dm") -> list[str]:
    """The logs in the archive, oldest first: by when their first row came."""
    rows = client.query(
        f"SELECT _log FROM {database}.event_log GROUP BY _log ORDER BY min(inserted_at), _log"
    ).result_rows
    return [str(log) for (log,) in rows]


def read_back(client: Client, *, database: str = "dm") -> Iterator[Archived]:
    """Every event once, in the order of the log: oldest incarnation first, then by partition and
    offset. So the events of one profile, which share a partition, come in their order. Last what a
    kill kept from `event_log`: it was the end of its log.

    A stream: nothing is held here but a block, and in the server 16 bytes and their table for each
    event of a partition (to leave out what was told twice). Unreadable records are left out: they
    are no events, and dm.failures.v1 has them. Raises the client's errors.
    """
    earlier: list[str] = []
    for log in incarnations(client, database=database):
        for partition in _partitions(client, log, database):
            yield from _partition(client, log, partition, earlier, database)
        earlier.append(log)
    for key, value in read_unlogged(client, database=database):
        yield Archived(key, value, UNLOGGED)


def count_back(client: Client, *, database: str = "dm") -> int:
    """How many `read_back` gives. Raises the client's errors."""
    rows = client.query(
        f"SELECT uniqExact({_IDENTITY}) FROM {database}.event_log WHERE type != 'unreadable'"
    ).result_rows
    return int(rows[0][0]) + count_unlogged(client, database=database)


def _partitions(client: Client, log: str, database: str) -> list[int]:
    rows = client.query(
        f"SELECT DISTINCT _partition FROM {database}.event_log"
        " WHERE _log = {log:String} ORDER BY _partition",
        parameters={"log": log},
    ).result_rows
    return [int(partition) for (partition,) in rows]


def _partition(
    client: Client, log: str, partition: int, earlier: list[str], database: str
) -> Iterator[Archived]:
    statement = (
        "SELECT key, payload, _offset"
        f" FROM {database}.event_log FINAL"
        " WHERE _log = {log:String} AND _partition = {partition:UInt32} AND type != 'unreadable'"
        f" AND {_IDENTITY} NOT IN"
        f" (SELECT {_IDENTITY} FROM {database}.event_log WHERE _log IN {{earlier:Array(String)}})"
        " ORDER BY _log, _topic, _partition, _offset"
        f" LIMIT 1 BY {_IDENTITY}"
    )
    parameters = {"log": log, "partition": partition, "earlier": earlier}
    with client.query_rows_stream(
        statement, parameters=parameters, settings=_SETTINGS, query_formats={"String": "bytes"}
    ) as rows:
        for key, payload, offset in rows:
            yield Archived(key, payload, f"{log}/{partition}/{offset}")


def drop_superseded(client: Client, current_log: str, *, database: str = "dm") -> list[str]:
    """Drops each older incarnation whose every event the current one has; returns their ids.

    Unreadable records don't count. What can't be shown to be contained stays. Call it when the
    restored events have come to the archive again.
    """
    logs = incarnations(client, database=database)
    if current_log not in logs:
        return []
    dropped = []
    for log in logs[: logs.index(current_log)]:
        if _is_contained(client, log, current_log, database):
            client.command(
                f"ALTER TABLE {database}.event_log DROP PARTITION {{log:String}}",
                parameters={"log": log},
            )
            dropped.append(log)
    return dropped


def _is_contained(client: Client, older: str, current: str, database: str) -> bool:
    """Compared in shares of the identities, so that memory stays bounded however long the logs."""
    table = f"{database}.event_log"
    events = int(
        str(
            client.command(
                f"SELECT count() FROM {table} WHERE _log = {{log:String}}",
                parameters={"log": current},
            )
        )
    )
    shares = events // _COMPARED_AT_ONCE + 1
    for share in range(shares):
        mine = f"type != 'unreadable' AND cityHash64(profile_id, event_id) % {shares} = {share}"
        rows = client.query(
            f"SELECT 1 FROM {table} WHERE _log = {{older:String}} AND {mine}"
            f" AND {_IDENTITY} NOT IN (SELECT {_IDENTITY} FROM {table}"
            f" WHERE _log = {{current:String}} AND {mine}) LIMIT 1",
            parameters={"older": older, "current": current},
        ).result_rows
        if rows:
            return False
    return True
