"""Facts computed anew beside the ones in use and swapped in, while events come and facts are kept.

Invariant 10's sibling: numbers are exact before, during and after.
"""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from bench.archive import an_event
from sinks import facts, reprojecting
from sinks.archive import Archive, LogRecord
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline

BEFORE, MEANWHILE = 300, 6
CONVERSATIONS = "SELECT * EXCEPT (computed_at) FROM {0}.conversation_facts FINAL ORDER BY ALL"
TRUTH = "SELECT {1} FROM {0}.computed_facts ORDER BY ALL"


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
    asyncio.run(archive.insert(0, records(first, count)))


def computed(client: Client, database: str) -> list[Any]:
    return list(client.query(CONVERSATIONS.format(database)).result_rows)


def truth(client: Client, database: str) -> list[Any]:
    names = [name for name in facts.fact_columns(client, database) if name != "computed_at"]
    return list(client.query(TRUTH.format(database, ", ".join(names))).result_rows)


def received(client: Client, database: str) -> int:
    sql = f"SELECT sum(received_count) + sum(sent_count) FROM {database}_analytics.conversations"
    return int(client.query(sql).result_rows[0][0])


def test_spoilt_facts_are_made_anew_and_equal_what_events_say(
    client: Client, database: str
) -> None:
    insert(client, database, 0, BEFORE)
    while facts.refresh(client, database=database).conversations:
        pass
    before = computed(client, database)
    assert before == truth(client, database)
    client.command(f"TRUNCATE TABLE {database}.conversation_facts")
    count = reprojecting.reproject(client, database=database, at_once=7, sleep=lambda _: None)
    assert count == len(before) > 20
    facts.refresh(client, database=database)  # what it touched: all of it came a moment ago
    assert computed(client, database) == before
    tables = client.query(f"SHOW TABLES FROM {database} LIKE '%beside%'").result_rows
    assert not tables, "nothing is left beside"


def test_events_that_come_meanwhile_are_in_the_facts_and_no_view_ever_counts_less(
    client: Client, database: str, embedded_clickhouse: ClickHouse
) -> None:
    insert(client, database, 0, BEFORE)
    facts.refresh(client, database=database)
    done = threading.Event()
    counts: list[int] = []
    troubles: list[BaseException] = []

    def traffic() -> None:
        own = embedded_clickhouse.connect()
        try:
            number = 0
            while not done.is_set() or number < MEANWHILE:
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
        reprojecting.reproject(client, database=database, at_once=60, sleep=lambda _: time.sleep(1))
    finally:
        done.set()
        writer.join(120)
    assert not troubles
    assert counts == sorted(counts), "a reader saw fewer messages than before"
    while facts.refresh(client, database=database).parts:
        pass
    assert computed(client, database) == truth(client, database)
