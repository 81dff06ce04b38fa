"""Events that `events` has and `event_log` lacks, made again from their rows.

The writer fills `events` first (sinks/archive.py). If everything ends between its two inserts, the
next owner sends the range again from the log. The embedded broker has forgotten it: then these rows
are all that is left of records that were accepted, and the restore puts them back as well.

The event is the same, its bytes may not be: the keys stand in another order.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client
from pydantic import ValidationError

from schemas.events import parse_event
from sinks.reading.events import ATTRIBUTE_COLUMNS, attributes

_HELD_AT_ONCE = 2_000_000
"""Identities of `event_log` held in the server's memory: 16 bytes each and their table."""

_NAME = "sipHash128(profile_id, event_id)"
_NAMED_COMMAND = "sipHash128(profile_id, event_id, {command})"


def read_unlogged(client: Client, *, database: str = "dm") -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each, a profile's in the order in which they came to the log (it is told in
    milliseconds; of the same one the accepted send is before what became of it).

    Of two copies of one message the one that names our command is looked for by itself: it tells a
    send's outcome. Raises the client's errors.
    """
    for number, shares in _shares(client, database):
        statement = (
            f"SELECT {ATTRIBUTE_COLUMNS}, source FROM {database}.events"
            f" WHERE {_unlogged(database)}"
            " ORDER BY logged_at, received_at, kind != 'send.accepted', event_id, version"
            " LIMIT 1 BY profile_id, event_id, version"
        )
        named = {"share": number, "shares": shares}
        with client.query_row_block_stream(statement, parameters=named) as blocks:
            names = blocks.source.column_names
            for block in blocks:
                for row in block:
                    event = dict(zip(names, row, strict=True))
                    yield event["profile_id"].encode(), _value(event)


def count_unlogged(client: Client, *, database: str = "dm") -> int:
    """How many `read_unlogged` gives."""
    statement = (
        "SELECT uniqExact(profile_id, event_id, version)"
        f" FROM {database}.events WHERE {_unlogged(database)}"
    )
    return sum(
        int(client.query(statement, parameters={"share": n, "shares": shares}).result_rows[0][0])
        for n, shares in _shares(client, database)
    )


def _shares(client: Client, database: str) -> Iterator[tuple[int, int]]:
    """Whole profiles each, so that the order within a profile is kept."""
    rows = client.query(f"SELECT count() FROM {database}.event_log").result_rows
    shares = int(rows[0][0]) // _HELD_AT_ONCE + 1
    return ((number, shares) for number in range(shares))


def _unlogged(database: str) -> str:
    """Not FINAL: where two providers told of one message, both were on the log."""
    mine = "cityHash64(profile_id) % {shares:UInt64} = {share:UInt64}"
    ours = _NAMED_COMMAND.format(command="command_id")
    told = _NAMED_COMMAND.format(command="JSONExtractString(payload, 'data', 'command_id')")
    return (
        f"{mine} AND ({_NAME} NOT IN (SELECT {_NAME} FROM {database}.event_log WHERE {mine})"
        f" OR (kind = 'message.sent' AND command_id != '' AND {ours} NOT IN (SELECT {told}"
        f" FROM {database}.event_log WHERE {mine} AND type = 'dm.message.sent.v1')))"
    )


def _value(row: dict[str, Any]) -> bytes:
    told = attributes(row)
    if row["source"]:
        told["source"] = row["source"]
    value = orjson.dumps(told)
    try:
        return parse_event(value).to_json()
    except ValidationError:
        return value  # whoever reads it next tells of it as a failure
