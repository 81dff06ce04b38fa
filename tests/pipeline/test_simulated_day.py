"""A simulated day through real processes: the archive says what was meant, message by message."""

import asyncio
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from schemas.events import Event, parse_event
from schemas.topics import EVENTS
from sinks import completeness
from streams import kafka
from streams.agents.working_set import WorkingSet
from streams.conversation.evolve import evolve
from streams.local import processes
from streams.local.catching_up import look
from streams.settings import Settings
from streams.simulator import columns, compare
from streams.simulator.client import Sending, Tally, send
from streams.simulator.intention import Intention
from streams.simulator.sign import Secrets
from streams.simulator.simulation import Parameters, Simulation, simulate
from tests.pipeline.running import SECRETS, Running

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka(long=True)]

WEBHOOKS = int(os.environ.get("DM_TEST_WEBHOOKS", "3000"))
"""Of one simulated day; 100000 takes some minutes."""
UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture
def running(archiving: Settings, tmp_path: Path) -> Iterator[Running]:
    """Topics made, gateway up, no worker yet."""
    pipeline = Running(archiving, tmp_path)
    pipeline.start("gateway")
    yield pipeline
    pipeline.stop()


def day(seed: int, webhooks: int = WEBHOOKS) -> Simulation:
    return simulate(Parameters(seed=seed, until=UNTIL, webhooks=webhooks))


def sending(running: Running, rate: float | None = None) -> Sending:
    secrets = Secrets(
        {
            "ayrshare": SecretStr(SECRETS["DM_AYRSHARE_SECRETS"]),
            "meta": SecretStr(SECRETS["DM_META_APP_SECRETS"]),
            "x": SecretStr(SECRETS["DM_X_CONSUMER_SECRETS"]),
        }
    )
    return Sending(url=f"http://127.0.0.1:{running.settings.port}", secrets=secrets, rate=rate)


def feed(running: Running, simulation: Simulation, rate: float | None = None) -> Tally:
    return asyncio.run(send(simulation.deliveries(), len(simulation), sending(running, rate)))


def differences(intention: Intention, client: Client, database: str) -> list[str]:
    """Everything in which the archive differs from the intention."""
    views = f"{database}_analytics"

    def rows(statement: str) -> list[dict[str, object]]:
        return list(client.query(statement).named_results())

    months = (
        f"SELECT conversation_id, groupUniqArray(month) AS active_months FROM {database}.events"
        " FINAL WHERE kind = 'conversation.activated' GROUP BY conversation_id"
    )
    found = [
        *compare.compare_messages(intention, rows(f"SELECT * FROM {views}.messages")),
        *compare.compare_conversations(
            intention,
            rows(
                f"SELECT c.*, m.active_months AS active_months FROM {views}.conversations AS c"
                f" LEFT JOIN ({months}) AS m USING (conversation_id)"
            ),
        ),
        *compare.compare_active(
            intention,
            columns.active_counts(rows(f"SELECT * FROM {views}.active_conversations")),
        ),
        *compare.compare_events(
            intention,
            (
                (str(row["kind"]), str(row["event_id"]))
                for row in rows(f"SELECT kind, event_id FROM {database}.events FINAL")
            ),
        ),
        *compare.compare_failures(
            intention,
            (
                (sha256(value).hexdigest(), reason.decode())
                for value, reason in client.query(
                    f"SELECT original_value, reason FROM {views}.failed_events",
                    query_formats={"String": "bytes"},
                ).result_rows
            ),
        ),
    ]
    return [str(difference) for difference in found]


def test_the_archive_says_what_was_meant_message_by_message(running: Running) -> None:
    simulation = day(seed=11)
    running.start("conversations")
    running.start("history")
    tally = feed(running, simulation)
    assert not tally.unexpected
    assert_archived(running, simulation)
    assert set(running.stop().values()) == {0}


@pytest.mark.faults
def test_kill_9_of_both_workers_at_random_moments_loses_and_doubles_nothing(
    running: Running,
) -> None:
    """Invariants 2, 4 and 10: whatever dies when, the archive says what was meant."""
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201 - a failure is repeated by it
    chance = random.Random(seed)
    simulation = day(seed=seed, webhooks=3000)
    running.start("conversations")
    running.start("history")
    with ThreadPoolExecutor(1) as feeder:
        feeding = feeder.submit(feed, running, simulation, 250)
        while not feeding.done():
            time.sleep(chance.uniform(0.2, 2.0))
            victim = chance.choice(("conversations", "history"))
            running.kill(victim)
            running.start(victim)
        assert not feeding.result().unexpected
    assert_archived(running, simulation)


def assert_archived(running: Running, simulation: Simulation) -> None:
    """Everything has arrived as it was meant, and no offset is missing."""
    running.settled()
    database = running.settings.clickhouse_database
    client = running.archive()
    assert not differences(simulation.intention, client, database)
    reports = completeness.check(client, database=database)
    assert reports
    assert all(report.is_complete for report in reports)
    client.close()


def test_live_state_is_the_fold_of_the_log_field_by_field(running: Running) -> None:
    """Invariant 4. The changelog is what the live worker holds; the log is folded anew here."""
    running.start("conversations")
    feed(running, day(seed=4, webhooks=1500))
    events, live = asyncio.run(log_and_state(running.settings))
    assert any(key.startswith(b"c") for key in live)
    assert live == folded(events)


def test_state_is_whole_after_clean_restarts(running: Running) -> None:
    """Invariant 4. Recovery must read the changelog to its very end: the embedded broker tells an
    end that leaves the last batch out, and what was in it would be folded anew from nothing."""
    simulation = day(seed=5, webhooks=1600)
    deliveries = list(simulation.deliveries())
    half = len(deliveries) // 2
    for part in (deliveries[:half], deliveries[half:]):
        running.start("conversations")
        asyncio.run(send(iter(part), len(part), sending(running)))
        settle_state(running.settings)
        assert processes.stop(running.children.pop("conversations"), grace_seconds=10) == 0
    events, live = asyncio.run(log_and_state(running.settings))
    assert live == folded(events)


def settle_state(settings: Settings) -> None:
    """Waits until the worker has read all webhooks and events."""
    deadline = time.monotonic() + 60
    while asyncio.run(look(settings)).unread:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    time.sleep(1.0)


def folded(events: list[Event]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    states = WorkingSet(found)
    for event in events:
        before = states.load(event)
        states.store(event, before, evolve(before, event))
    found.update(states.changes())
    return found


async def log_and_state(settings: Settings) -> tuple[list[Event], dict[bytes, bytes]]:
    """The events in the log's order, and the newest value of each key of the state's changelog;
    read until nothing has come for three seconds."""
    topics = settings.topic(EVENTS), settings.topic("dmstream-conversations-state-changelog")
    consumer = kafka.reader(settings)
    await consumer.start()
    consumer.assign([TopicPartition(t, n) for t in topics for n in range(settings.partitions)])
    events: list[Event] = []
    state: dict[bytes, bytes] = {}
    while found := await consumer.getmany(timeout_ms=3000):
        for place, records in found.items():
            if place.topic == topics[0]:
                events += [parse_event(record.value) for record in records]
            else:
                state |= {record.key: record.value for record in records}
    await consumer.stop()
    return events, state
