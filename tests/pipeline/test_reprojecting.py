"""Facts computed anew beside the ones in use, while events come and facts are kept.

Invariant 10's sibling: numbers are exact before, during and after.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from bench.events import an_event
from sinks import facts, reprojecting
from sinks.archive import Archive, LogRecord
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline

BEFORE, MEANWHILE = 300, 6
MOST = 8
"""Inserts of a test in all. Pieces as small as here are outrun by traffic that goes on for ever,
so that it would never be done: in use a piece is 20,000 conversations."""
SEEN = "SELECT * FROM {0}_analytics.messages_daily ORDER BY ALL"
TOUCH_ALL = "INSERT INTO {0}.touched SELECT DISTINCT profile_id, conversation_id FROM {0}.events"


@pytest.fixture
def database(embedded_clickhouse: ClickHouse) -> str:
    return embedded_clickhouse.migrated()


@pytest.fixture
def client(embedded_clickhouse: ClickHouse) -> Iterator[Client]:
    found = embedded_clickhouse.connect()
    yield found
    found.close()


def records(first: int, count: int) -> list[LogRecord]:
    chance = random.Random(first)
    made = [(number, an_event(number, chance)) for number in range(first, first + count)]
    return [
        LogRecord(0, number, 0, event.profileid.encode(), event.to_json(), ())
        for number, event in made
    ]


def insert(client: Client, database: str, first: int, count: int) -> None:
    archive = Archive(client, log="l", topic="dm.events.v1", database=database)
    asyncio.run(archive.write(records(first, count)))


def seen(client: Client, database: str) -> list[Any]:
    return list(client.query(SEEN.format(database)).result_rows)


def refreshed(client: Client, database: str) -> list[Any]:
    """What is seen once all is computed."""
    while facts.refresh(client, database=database).parts:
        pass
    return seen(client, database)


def received(client: Client, database: str) -> int:
    sql = f"SELECT sum(received_count) + sum(sent_count) FROM {database}_analytics.messages_daily"
    return int(client.query(sql).result_rows[0][0])


def test_spoilt_facts_are_made_anew_and_equal_what_events_say(
    client: Client, database: str
) -> None:
    insert(client, database, 0, BEFORE)
    before = refreshed(client, database)
    for table in facts.FLAT_TABLES:
        client.command(f"TRUNCATE TABLE {database}.{table}")
    assert seen(client, database) != before
    count = reprojecting.reproject(client, database=database, at_once=7, pause=0.0)
    told = client.command(f"SELECT uniqExact(profile_id, conversation_id) FROM {database}.events")
    assert count == told > 20
    assert seen(client, database) == before
    assert not facts.waiting(client, database=database)


def test_events_that_come_meanwhile_are_in_the_facts_and_no_view_ever_counts_less(
    client: Client, database: str, embedded_clickhouse: ClickHouse
) -> None:
    insert(client, database, 0, BEFORE)
    refreshed(client, database)
    done = threading.Event()
    counts: list[int] = []
    troubles: list[BaseException] = []

    def traffic() -> None:
        own = embedded_clickhouse.connect()
        try:
            number = 0
            while number < MEANWHILE or (number < MOST and not done.is_set()):
                insert(own, database, BEFORE + number * 20, 20)
                facts.refresh(own, database=database)
                counts.append(received(own, database))
                number += 1
        except BaseException as error:  # noqa: BLE001 - told by the test below
            troubles.append(error)
        finally:
            own.close()

    writer = threading.Thread(target=traffic)
    writer.start()
    try:
        reprojecting.reproject(client, database=database, at_once=60)
    finally:
        done.set()
        writer.join(120)
    assert not troubles
    assert counts == sorted(counts), "a reader saw fewer messages than before"
    now = refreshed(client, database)
    client.command(TOUCH_ALL.format(database))
    assert seen(client, database) == now, "what the views compute by themselves"
