"""The log's incarnations: read back in order, each event once, and dropped when contained."""

import asyncio
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.client import Client

from schemas import data
from schemas.events import Event, MessagingActivated, ProfileRegistered, parse_event
from schemas.topics import EventHeader
from sinks import completeness
from sinks.archive import Archive, LogRecord
from sinks.incarnations import (
    UNLOGGED,
    Archived,
    count_back,
    drop_superseded,
    incarnations,
    read_back,
)
from sinks.rows import Columns
from streams.agents import send_events
from streams.agents.outgoing import Outgoing
from streams.providers.protocol import Sent
from tests.conftest import ClickHouse
from tests.pipeline.log_records import record
from tests.unit.agents import sends

pytestmark = pytest.mark.pipeline


@pytest.fixture
def database(embedded_clickhouse: ClickHouse) -> str:
    return embedded_clickhouse.migrated()


def moved(given: LogRecord, partition: int, offset: int, origin: str = "") -> LogRecord:
    headers = [(EventHeader.RESTORED_FROM, origin.encode())] if origin else []
    return LogRecord(partition, offset, given.timestamp_ms, given.key, given.value, headers)


def store(client: Client, database: str, log: str, records: list[LogRecord]) -> None:
    archive = Archive(client, log=log, topic="dm.events.v1", database=database)
    asyncio.run(archive.write(records))


def restored(archived: list[Archived], partition: int = 0) -> list[LogRecord]:
    return [
        LogRecord(partition, offset, 0, key, value, [(EventHeader.RESTORED_FROM, origin.encode())])
        for offset, (key, value, origin) in enumerate(archived)
    ]


def test_an_empty_archive_gives_nothing(client: Client, database: str) -> None:
    assert list(read_back(client, database=database)) == []
    assert drop_superseded(client, "any", database=database) == []


def test_every_event_comes_back_once_in_the_order_of_its_log(client: Client, database: str) -> None:
    events = [record(n, profile=f"p{n % 2}") for n in range(8)]
    # Told twice on the first log; one unreadable record; the second log begins with the first's.
    store(client, database, "first", [moved(events[1], 1, 0), moved(events[3], 1, 1)])
    store(client, database, "first", [
        moved(events[0], 0, 0), moved(events[2], 0, 1), moved(events[0], 0, 2),
        LogRecord(0, 3, 0, b"p0", b"not json", ()), moved(events[4], 0, 4),
    ])  # fmt: skip
    store(client, database, "second", [
        moved(events[2], 0, 0, "first/0/1"), moved(events[6], 0, 1), moved(events[6], 0, 2),
    ])  # fmt: skip
    store(client, database, "first", [moved(events[2], 0, 1), moved(events[0], 0, 2)])  # a zombie

    assert incarnations(client, database=database) == ["first", "second"]
    assert list(read_back(client, database=database)) == [
        (events[n].key, events[n].value, origin)
        for n, origin in [
            (0, "first/0/0"), (2, "first/0/1"), (4, "first/0/4"),
            (1, "first/1/0"), (3, "first/1/1"), (6, "second/0/1"),
        ]
    ]  # fmt: skip


def test_an_older_log_goes_only_when_the_current_one_has_all_of_it(
    client: Client, database: str
) -> None:
    events = [record(n) for n in range(5)]
    store(client, database, "old", [moved(e, 0, n) for n, e in enumerate(events[:4])])
    store(client, database, "old", [LogRecord(0, 4, 0, None, b"unreadable", ())])
    back = restored(list(read_back(client, database=database)))
    store(client, database, "new", back[:-1])
    assert drop_superseded(client, "new", database=database) == []
    assert incarnations(client, database=database) == ["old", "new"]

    store(client, database, "new", [*back[-1:], moved(events[4], 0, 4)])
    assert drop_superseded(client, "unknown", database=database) == []
    assert drop_superseded(client, "new", database=database) == ["old"]
    assert incarnations(client, database=database) == ["new"]
    assert [value for _, value, _ in read_back(client, database=database)] == [
        event.value for event in events
    ]


def test_three_restarts_double_nothing(client: Client, database: str) -> None:
    """Invariant 10, over incarnations: what analysts see stays the same, the log stays whole."""
    profile = uuid.uuid4().hex
    store(client, database, "log 0", [record(n, profile=profile) for n in range(50)])
    views = f"{database}_analytics"
    before = client.query(f"SELECT * FROM {views}.messages ORDER BY message_id").result_rows
    for restart in (1, 2, 3):
        back = restored(list(read_back(client, database=database)))
        assert len(back) == 50
        store(client, database, f"log {restart}", back)
        assert (
            client.query(f"SELECT * FROM {views}.messages ORDER BY message_id").result_rows
            == before
        )
        if restart != 2:  # one restart died before it cleaned up
            drop_superseded(client, f"log {restart}", database=database)
    [report] = completeness.check(client, database=database)
    assert (report.log, report.rows, report.missing) == ("log 3", 50, 0)


def test_a_long_log_is_read_as_a_stream(client: Client, database: str) -> None:
    for part in range(3):
        first = part * 20_000
        store(client, database, "long", [record(n) for n in range(first, first + 20_000)])
    stream = read_back(client, database=database)
    offsets = [int(origin.rpartition("/")[2]) for _, _, origin in stream]
    assert offsets == list(range(60_000))


def store_in_events_alone(client: Client, database: str, records: list[LogRecord]) -> None:
    """What a kill between the writer's two inserts leaves."""

    class KilledError(Exception):
        pass

    class Dying(Archive):
        def _send(self, columns: Columns, block: bytes, token: str) -> None:
            if columns.table == "event_log":
                raise KilledError
            super()._send(columns, block, token)

    archive = Dying(client, log="killed", topic="dm.events.v1", database=database)
    with pytest.raises(KilledError):
        asyncio.run(archive.write(records))


def told(events: Iterable[Event]) -> list[LogRecord]:
    return [
        LogRecord(0, n, 1_700_000_000_000 + n, e.profileid.encode(), e.to_json(), ())
        for n, e in enumerate(events)
    ]


def test_what_a_kill_kept_from_the_log_comes_back_last_and_as_it_was(
    client: Client, database: str
) -> None:
    """Invariant 6: the row of an accepted send is not left without a record for ever."""
    at = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
    accepted = sends.accepted("a", media_urls=("https://example.org/1.png",))
    attempted = send_events.attempted(Outgoing(accepted, 0, 0, attempts=1), at)
    (sent,) = send_events.sent(Outgoing(accepted, 0, 0, attempts=1), Sent(("m",), "p"), at)
    registered = ProfileRegistered(
        id="r", source="/dmstream/commands/shop", time=at, receivedat=at, profileid="shop",
        causationid="c", data=data.ProfileRegistered(reference="ref"),
    )  # fmt: skip
    switched = MessagingActivated(
        id="s", source="/dmstream/commands/shop", time=at, receivedat=at, profileid="shop",
        platform="x", data=data.MessagingSwitched(),
    )  # fmt: skip
    echo = sent.model_copy(update={"data": sent.data.model_copy(update={"command_id": None})})
    lost: list[Event] = [registered, switched, accepted, attempted, sent]
    # The echo was logged: the answer to the send is of the same id, and names the command.
    store(client, database, "killed", [record(0), moved(told([echo])[0], 0, 1)])
    store_in_events_alone(client, database, told(lost))

    back = list(read_back(client, database=database))
    assert [origin for _, _, origin in back[2:]] == [UNLOGGED] * len(lost)
    assert [parse_event(value) for _, value, _ in back[2:]] == lost
    assert [key for key, _, _ in back[2:]] == [event.profileid.encode() for event in lost]
    assert count_back(client, database=database) == len(back)

    views = f"SELECT * FROM {database}_analytics.messages ORDER BY message_id"
    before = client.query(views).result_rows
    store(client, database, "next", restored(back))
    again = list(read_back(client, database=database))
    assert {origin.partition("/")[0] for _, _, origin in again} == {"killed", "next"}
    assert drop_superseded(client, "next", database=database) == ["killed"]
    again = list(read_back(client, database=database))
    assert [value for _, value, _ in again] == [value for _, value, _ in back]
    assert client.query(views).result_rows == before


def test_a_kill_in_the_very_first_insert_loses_nothing(client: Client, database: str) -> None:
    store_in_events_alone(client, database, [record(0), record(1)])
    back = list(read_back(client, database=database))
    assert [parse_event(value) for _, value, _ in back] == [
        parse_event(record(n).value or b"") for n in (0, 1)
    ]
    assert count_back(client, database=database) == 2


def test_the_count_is_of_what_comes_back_not_of_ids(client: Client, database: str) -> None:
    """One id in two forms comes back twice; one form on two logs comes back once."""
    one, other = record(0), record(0, text="another copy")
    store(client, database, "first", [moved(one, 0, 0), moved(other, 0, 1)])
    store(client, database, "second", [moved(one, 0, 0), moved(record(1), 0, 1)])
    assert len(list(read_back(client, database=database))) == 3
    assert count_back(client, database=database) == 3
