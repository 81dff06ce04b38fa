"""The three guards of the archive's writer, each with the others out of the way (invariant 10).

Merges are stopped in these tables: they would remove duplicates by identity, and hide whether the
token had kept them away.
"""

import asyncio
import random
import uuid
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks import clickhouse, completeness
from sinks.archive import Archive, LogRecord, insert_until_acknowledged, refuse_if_ahead
from sinks.errors import ArchiveAhead, ArchiveUnavailable
from sinks.packing import cut
from tests.conftest import ClickHouse
from tests.pipeline.cutting_proxy import cutting_proxy
from tests.pipeline.log_records import SECRET_TEXT, TOPIC, record, records, spread, stored

pytestmark = [pytest.mark.pipeline, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def database(embedded_clickhouse: ClickHouse) -> str:
    database = embedded_clickhouse.migrated()
    client = embedded_clickhouse.connect()
    for table in ("event_log", "events", "failure_log"):
        client.command(f"SYSTEM STOP MERGES {database}.{table}")
    return database


async def test_the_mark_is_the_highest_offset_of_this_log_and_partition(
    client: Client, database: str, log: str
) -> None:
    """Guard 1."""
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    assert await archive.high_water_mark(0) is None
    await archive.write([record(0)])
    assert await archive.high_water_mark(0) == 0
    await archive.write(records(1, 7, profile=log))
    assert await archive.high_water_mark(0) == 7
    assert await archive.high_water_mark(1) is None
    other = Archive(client, log=log + "x", topic=TOPIC, database=database)
    assert await other.high_water_mark(0) is None


def test_a_mark_beyond_the_end_of_the_partition_is_refused() -> None:
    """Guard 1: a recreated topic, or the wrong cluster."""
    refuse_if_ahead(None, 0, topic=TOPIC, partition=0)
    refuse_if_ahead(9, 10, topic=TOPIC, partition=0)
    with pytest.raises(ArchiveAhead, match=r"offset 10 of dm\.events\.v1/3, whose end is 10"):
        refuse_if_ahead(10, 10, topic=TOPIC, partition=3)


async def test_a_range_sent_twice_lands_once(client: Client, database: str, log: str) -> None:
    """Guard 2."""
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    batch = records(0, 99, profile=log)
    for _ in range(3):
        await archive.write(batch)
    assert stored(client, database, log, log) == (100, 100, 100, 100)


async def test_a_batch_of_several_partitions_sent_twice_lands_once_and_moves_each_mark(
    client: Client, database: str, log: str
) -> None:
    """Guards 1 and 2: the token is of all ranges, the marks are the partitions' own."""
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    batch = spread(records(0, 99, profile=log))
    for _ in range(3):
        await archive.write(batch)
    assert stored(client, database, log, log) == (100, 100, 100, 100)
    assert [await archive.high_water_mark(n) for n in range(4)] == [33, 32, 32, None]
    packed = await archive.pack(batch)
    assert archive.token(packed.ranges) == f"{log}:{TOPIC}:0:0-33,1:0-32,2:0-32"
    # What came to one of them meanwhile makes it other ranges.
    await archive.write([*batch, record(100, profile=log)._replace(partition=1, offset=33)])
    assert stored(client, database, log, log)[2:] == (101, 101)


@pytest.mark.parametrize("table", ["event_log", "events"])
@pytest.mark.parametrize("hold_seconds", [0.0, 2.5])
async def test_an_insert_whose_answer_was_lost_is_repeated_and_lands_once(
    embedded_clickhouse: ClickHouse,
    client: Client,
    database: str,
    log: str,
    table: str,
    hold_seconds: float,
) -> None:
    """Guard 2: cut off, or silent for longer than the client waits. A timeout is "unknown"."""
    target = urlsplit(embedded_clickhouse.url).port
    assert target is not None
    marker = f"INSERT INTO {database}.{table} ".encode()
    troubles: list[ArchiveUnavailable] = []
    with cutting_proxy(target, marker) as proxy:
        through = clickhouse.connect(f"http://127.0.0.1:{proxy.port}", answer_seconds=1)
        archive = Archive(through, log=log, topic=TOPIC, database=database)
        proxy.answers_to_lose, proxy.hold_seconds = 2, hold_seconds
        await insert_until_acknowledged(
            archive,
            await archive.pack(records(0, 99, profile=log)),
            sleep=lambda _: asyncio.sleep(0.01),
            on_trouble=lambda trouble, _attempt, _wait: troubles.append(trouble),
            jitter=random.Random(1),
        )
        through.close()
    assert len(troubles) >= 2  # a busy machine may take longer than the client waits, too
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in proxy.lost), "it had been applied"
    assert all(table in str(trouble) and "may have landed" in str(trouble) for trouble in troubles)
    assert stored(client, database, log, log) == (100, 100, 100, 100)


async def test_what_a_zombie_cut_otherwise_is_healed_by_identity(
    client: Client, database: str, log: str
) -> None:
    """Guard 3: no mark was read and the ranges differ, so no token helps."""
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    await archive.write(records(0, 59, profile=log))
    await archive.write(records(30, 99, profile=log))
    await archive.write(records(0, 99, profile=log))
    assert stored(client, database, log, log) == (230, 230, 100, 100)
    [report] = [r for r in completeness.check(client, database=database) if r.log == log]
    assert (report.rows, report.missing, report.duplicates) == (100, 0, 130)
    assert report.is_complete


async def test_a_crash_between_the_two_tables_leaves_no_hole(
    client: Client, database: str, log: str
) -> None:
    """`events` is written first; so the mark, read from event_log, makes the range come again."""

    class Dies(Archive):
        def _send(self, columns, *rest):  # type: ignore[no-untyped-def]
            if columns.table == "event_log":
                raise ArchiveUnavailable("killed", retry_after=0)
            super()._send(columns, *rest)

    batch = records(0, 9, profile=log)
    with pytest.raises(ArchiveUnavailable):
        await Dies(client, log=log, topic=TOPIC, database=database).write(batch)
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    assert await archive.high_water_mark(0) is None
    await archive.write(batch[:5])
    await archive.write(batch[5:])
    assert stored(client, database, log, log)[2:] == (10, 10)


async def test_a_missing_offset_is_found(client: Client, database: str, log: str) -> None:
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    await archive.write([record(3), record(4), record(7)])
    [report] = [r for r in completeness.check(client, database=database) if r.log == log]
    assert (report.first, report.last, report.rows, report.missing) == (3, 7, 3, 2)
    assert not report.is_complete


async def test_every_record_keeps_its_place_however_broken(
    client: Client, database: str, log: str
) -> None:
    """Each offset has a row, or completeness could not be shown."""
    broken: list[bytes | None] = [
        None,
        b"",
        b"\xff\xfe",
        b"[1]",
        b'{"id": "x"}',
        record(0).value.replace(b'"2026-11-22T14:33:07.120Z"', b'"yesterday"'),  # type: ignore[union-attr]
        record(0).value.replace(b'"message_id":"m0"', b'"message_id":["m0"]'),  # type: ignore[union-attr]
        record(0).value.replace(b'"text":"', b'"text":5,"ignored":"'),  # type: ignore[union-attr]
    ]
    batch = [record(0, profile=log)]
    batch += [LogRecord(0, place, 0, None, value, ()) for place, value in enumerate(broken, 1)]
    batch.append(record(len(batch), profile=log))
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    await archive.write(batch)

    rows = client.query(
        f"SELECT _offset, type, payload FROM {database}.event_log"
        " WHERE _log = {log:String} ORDER BY 1",
        parameters={"log": log},
        query_formats={"String": "bytes"},
    ).result_rows
    assert [row[0] for row in rows] == list(range(10))
    assert [row[2] for row in rows[1:-1]] == [value or b"" for value in broken]
    kinds = [row[1] if isinstance(row[1], str) else row[1].decode() for row in rows]
    assert kinds == ["dm.message.received.v1", *["unreadable"] * 8, "dm.message.received.v1"]
    [report] = [r for r in completeness.check(client, database=database) if r.log == log]
    assert (report.missing, report.unreadable) == (0, 8)
    texts = client.query(
        f"SELECT text FROM {database}.events WHERE profile_id = {{p:String}}", parameters={"p": log}
    ).result_rows
    assert texts == [(SECRET_TEXT,)] * 2


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_however_ranges_are_cut_repeated_and_overlapped_each_record_is_there_once(
    data: st.DataObject, client: Client, database: str
) -> None:
    """Invariant 10: a batch is of any range of each of some partitions."""
    log = uuid.uuid4().hex
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    batch = spread(records(0, 30, profile=log))
    ends = st.tuples(st.integers(0, 10), st.integers(0, 10)).map(sorted)
    cuts = data.draw(
        st.lists(st.dictionaries(st.integers(0, 2), ends, min_size=1, max_size=3), max_size=6)
    )
    whole = {partition: [0, 10] for partition in range(3)}
    for ranges in [*cuts, whole, *cuts]:
        part = [
            one
            for one in batch
            if one.partition in ranges
            and ranges[one.partition][0] <= one.offset <= ranges[one.partition][1]
        ]
        if part:
            asyncio.run(archive.write(part))
    seen = client.query(
        f"SELECT _partition, _offset, payload FROM {database}.event_log FINAL"
        " WHERE _log = {log:String} ORDER BY 2, 1",
        parameters={"log": log},
        query_formats={"String": "bytes"},
    ).result_rows
    assert list(seen) == [(r.partition, r.offset, r.value) for r in batch]
    assert stored(client, database, log, log)[2:] == (31, 31)


def test_cut_ranges_go_in_one_after_another(client: Client, database: str, log: str) -> None:
    archive = Archive(client, log=log, topic=TOPIC, database=database)
    for part in cut(records(0, 2_000, profile=log)):
        asyncio.run(archive.write(part))
    assert stored(client, database, log, log) == (2_001, 2_001, 2_001, 2_001)
