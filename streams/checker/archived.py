"""What the archive says, for the checker: rows as readers see them and as they lie there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.topics import EVENTS, FAILURES
from sinks.clickhouse import connect_with
from sinks.migrate import analytics_database
from streams.checker.history import Archive, ArchivedRecord, ConversationCounts, Place
from streams.settings import Settings

_TABLES = {EVENTS: "event_log", FAILURES: "failure_log"}


class ArchiveAwayError(RuntimeError):
    """ClickHouse did not answer."""


def read(settings: Settings, log: str) -> Archive:
    """All of one incarnation of the log. Raises ArchiveAwayError."""
    with _asking(settings) as client:
        return _read(client, settings, log)


def first_missing(settings: Settings, log: str) -> dict[tuple[str, int], int]:
    """By topic and partition: the first offset that is not there. Raises ArchiveAwayError."""
    with _asking(settings) as client:
        return _first_missing(client, settings, log)


def _read(client: Client, settings: Settings, log: str) -> Archive:
    database = settings.clickhouse_database
    views = analytics_database(database)
    records = []
    for topic, table in _TABLES.items():
        identity = "any(event_id)" if topic == EVENTS else "''"
        rows = client.query(
            f"SELECT _partition, _offset, {identity}, count() FROM {database}.{table}"
            " WHERE _log = {log:String} AND _topic = {topic:String}"
            " GROUP BY _partition, _offset ORDER BY _partition, _offset",
            parameters={"log": log, "topic": settings.topic(topic)},
        ).result_rows
        seen = _seen(client, f"{database}.{table}", log, settings.topic(topic))
        records += [
            ArchivedRecord(
                Place(topic, partition, offset), event_id, seen.get((partition, offset), 0), stored
            )
            for partition, offset, event_id, stored in rows
        ]

    def rows_of(statement: str) -> Any:
        return client.query(statement).result_rows

    return Archive(
        records=records,
        events=[
            (profile, event_id)
            for profile, event_id in rows_of(
                f"SELECT profile_id, event_id FROM {database}.events FINAL"
            )
        ],
        stored_events={
            (profile, event_id): count
            for profile, event_id, count in rows_of(
                f"SELECT profile_id, event_id, count() FROM {database}.events GROUP BY ALL"
            )
        },
        conversations={
            (profile, conversation): ConversationCounts(count, received, sent)
            for profile, conversation, count, received, sent in rows_of(
                "SELECT profile_id, conversation_id, message_count,"
                " toUnixTimestamp64Milli(last_received_at), toUnixTimestamp64Milli(last_sent_at)"
                f" FROM {views}.conversations"
            )
        },
        daily_messages=dict(
            rows_of(
                "SELECT profile_id, sum(received_count + sent_count)"
                f" FROM {views}.messages_daily GROUP BY profile_id"
            )
        ),
        active={
            (profile, month): count
            for profile, month, count in rows_of(
                f"SELECT profile_id, month, active_count FROM {views}.active_conversations"
            )
        },
    )


def _seen(client: Client, table: str, log: str, topic: str) -> dict[tuple[int, int], int]:
    rows = client.query(
        f"SELECT _partition, _offset, count() FROM {table} FINAL"
        " WHERE _log = {log:String} AND _topic = {topic:String} GROUP BY _partition, _offset",
        parameters={"log": log, "topic": topic},
    ).result_rows
    return {(partition, offset): count for partition, offset, count in rows}


def _first_missing(client: Client, settings: Settings, log: str) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for topic, table in _TABLES.items():
        # Sorted different offsets that begin at 0 are their own positions until one is missing.
        rows = client.query(
            "SELECT _partition, arrayFirstIndex((o, n) -> o != n, offsets, range(length(offsets))),"
            " length(offsets) FROM (SELECT _partition, arraySort(groupUniqArray(_offset)) AS"
            f" offsets FROM {settings.clickhouse_database}.{table}"
            " WHERE _log = {log:String} AND _topic = {topic:String} GROUP BY _partition)",
            parameters={"log": log, "topic": settings.topic(topic)},
        ).result_rows
        for partition, gap, count in rows:
            found[topic, partition] = gap - 1 if gap else count
    return found


@contextmanager
def _asking(settings: Settings) -> Iterator[Client]:
    try:
        client = connect_with(settings)
        try:
            yield client
        finally:
            client.close()
    except (ClickHouseError, OSError) as error:
        raise ArchiveAwayError(
            f"ClickHouse at {settings.clickhouse_url} did not answer ({type(error).__name__})"
        ) from error
