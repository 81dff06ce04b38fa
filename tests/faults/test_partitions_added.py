"""Somebody adds partitions to topics that are in use: no key moves, and whoever looks is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.new_partitions import NewPartitions

from schemas.topics import COMMANDS, EVENTS, HOOKS, OUTBOUND_FACEBOOK, WEBHOOKS
from streams import kafka
from streams.local.apache_kafka import why_not_here
from streams.local.proof import examine
from streams.log_positions import log_ends
from streams.settings import Settings
from tests import engines
from tests.conftest import ClickHouse
from tests.faults.field import ALL, Field
from tests.faults.starting import under_fire

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

GROWN = (COMMANDS, EVENTS, WEBHOOKS, OUTBOUND_FACEBOOK, HOOKS)
BEFORE, AFTER = 4, 7


@pytest.fixture
def field(embedded_clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Field]:
    """Two of each worker that decides or sends. On Apache Kafka: the embedded broker adds none."""
    if missing := why_not_here():
        pytest.skip(missing)
    archive = (embedded_clickhouse.url, embedded_clickhouse.migrated())
    with engines.running(engines.APACHE, tmp_path) as broker:
        settings = broker.settings(tmp_path, partitions=BEFORE)
        workers = (*ALL, "conversations.2", "delivery.2")
        with under_fire(settings, tmp_path, *workers, clickhouse=archive) as found:
            yield found


async def add_partitions(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        for topic in GROWN:  # one after another, as a person does: meanwhile they differ
            await admin.create_partitions({settings.topic(topic): NewPartitions(AFTER)})
    finally:
        await admin.close()


async def written_to_added(settings: Settings) -> int:
    ends = await log_ends(settings, *GROWN)
    assert len(ends) == AFTER * len(GROWN)
    return sum(end for place, end in ends.items() if place.partition >= BEFORE)


async def write_as_others_do(settings: Settings) -> None:
    """Kafka's own clients spread keys over all partitions that there are."""
    producer = kafka.producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(
            settings.topic(COMMANDS), b"{}", key=b"somebody", partition=AFTER - 1
        )
    finally:
        await producer.stop()


def doctor(settings: Settings) -> dict[str, str]:
    found = asyncio.run(examine(settings))
    return {one.what: f"{one.state}: {one.found}" for one in found}


def test_partitions_added_under_load_move_no_key_and_split_no_profile_s_owner(
    field: Field,
) -> None:
    """Invariants 4, 6 and 8. Who notices first are workers that come later, with a fresh look at
    the topics; and the gateway, which is started anew as well."""
    running, settings = field.running, field.running.settings
    feeding = field.feeding(400, 20)
    field.wait_for_people()
    field.answer(5)
    asyncio.run(add_partitions(settings))
    for name in ("conversations", "delivery", "gateway", "history", "conversations.2"):
        field.answer(3)
        running.kill(name)
        running.start(name)
    feeding.result()
    field.answer(10)
    field.drain()
    field.assert_clean()
    assert asyncio.run(written_to_added(settings)) == 0
    assert "partitions_added" in running.log_of("conversations")
    told = doctor(field.recorder.settings)
    assert told["topics"].startswith("ok")
    assert told["added partitions"].startswith("note")

    asyncio.run(write_as_others_do(settings))
    told = doctor(field.recorder.settings)
    assert told["added partitions"].startswith("wrong: 1 records")
    assert told["reader dmstream-conversations"].startswith("ok")


def test_a_worker_that_is_told_the_new_number_refuses_to_start(field: Field) -> None:
    """Every profile would be looked for where its state is not."""
    running = field.running
    field.feed(field.deliveries(20))
    asyncio.run(add_partitions(running.settings))
    before = dict(running.more)
    running.more["DM_PARTITIONS"] = str(AFTER)
    try:
        running.launch("conversations.3")
        refused = running.children.pop("conversations.3")
        assert refused.wait(60) == 2
    finally:
        running.more = before
    assert "profiles would lose their state. Set it back to 4" in running.log_of("conversations.3")
    field.drain()
    field.assert_clean()
