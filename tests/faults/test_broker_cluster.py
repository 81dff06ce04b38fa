"""Three nodes of Apache Kafka, and one of them in trouble: the archive says what was meant."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import TOPICS, Topic
from streams import kafka
from streams.agents.outbox import Outbox
from streams.local.apache_kafka import Cluster, Node, start_cluster, why_not_here
from streams.local.replicas import of_replicas
from streams.log_positions import STATE_CHANGELOG
from streams.settings import Settings
from streams.simulator.client import Tally
from tests.conftest import ClickHouse
from tests.engines import APACHE, Broker
from tests.faults.topic_places import (
    is_in_sync,
    is_led_as_in_quiet_times,
    places,
    wait_for_places,
)
from tests.faults.under_load import pipeline_on, while_fed
from tests.pipeline.running import Running

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = why_not_here()
    if missing:
        pytest.skip(missing)
    # Leaders go back to where they were soon after a node is back: they move with no node down.
    quick = {"leader.imbalance.check.interval.seconds": "2"}
    cluster = start_cluster(3, tmp_path_factory.mktemp("cluster"), properties=quick)
    yield cluster
    cluster.stop()


@pytest.fixture
def running(cluster: Cluster, embedded_clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Running]:
    with pipeline_on(cluster, embedded_clickhouse, tmp_path) as found:
        yield found


def kill_and_bring_back(cluster: Cluster, running: Running, node: Node) -> None:
    prefix = running.settings.topic_prefix
    led = [place for place in places(cluster.bootstrap, prefix) if place.leader == node.number]
    assert led, f"node {node.number} leads nothing: its death would prove nothing"
    node.kill()
    wait_for_places(cluster.bootstrap, prefix, lambda place: place.leader not in {node.number, -1})
    node.start()
    # Else the next one to die may be one that leads nothing yet.
    wait_for_places(cluster.bootstrap, prefix, is_led_as_in_quiet_times)


def test_one_of_three_nodes_killed_under_load_loses_and_doubles_nothing(
    cluster: Cluster, running: Running
) -> None:
    """Invariants 1, 2 and 10."""

    def trouble(feeding: "Future[Tally]") -> None:
        chance = random.Random(3)
        while True:
            kill_and_bring_back(cluster, running, chance.choice(cluster.nodes))
            if feeding.done():
                return

    while_fed(running, trouble)


def test_leaders_that_move_while_all_nodes_live_lose_and_double_nothing(
    cluster: Cluster, running: Running
) -> None:
    """Invariants 1, 2 and 10. First away from a node that stops in order, then back to it."""

    def trouble(_: "Future[Tally]") -> None:
        node, prefix = cluster.nodes[0], running.settings.topic_prefix
        assert node.stop() in {0, 143}
        wait_for_places(cluster.bootstrap, prefix, lambda place: place.leader != node.number)
        node.start()
        wait_for_places(cluster.bootstrap, prefix, is_led_as_in_quiet_times)

    while_fed(running, trouble)


def test_all_nodes_restarted_in_turn_under_load_lose_and_double_nothing(
    cluster: Cluster, running: Running
) -> None:
    """Invariants 1, 2 and 10. As one brings a new version of Kafka in."""

    def trouble(_: "Future[Tally]") -> None:
        for node in cluster.nodes:
            assert node.stop() in {0, 143}
            node.start()
            wait_for_places(cluster.bootstrap, running.settings.topic_prefix, is_in_sync)

    while_fed(running, trouble)


def test_what_waited_for_a_leader_longer_than_a_request_may_take_is_written_once_and_in_order(
    cluster: Cluster, tmp_path: Path
) -> None:
    """aiokafka drops a batch then, and with it the numbers by which the broker tells what is
    missing: it refuses everything that follows."""
    settings = Broker(APACHE, cluster.bootstrap).settings(tmp_path, partitions=3, replication=1)
    topic = Topic("lonely", "none", "numbers")

    async def flush(outbox: Outbox, number: int) -> None:
        for partition in range(3):
            outbox.add(settings.topic(topic.name), b"k", b"%d" % number, partition=partition)
        await outbox.flush()

    async def scenario() -> dict[int, list[bytes]]:
        await kafka.ensure_topics(settings, (topic,))
        producer = kafka.producer(settings, request_timeout_ms=2000)
        await producer.start()
        outbox = Outbox(producer, partitions=3)
        await flush(outbox, 0)
        node = cluster.nodes[1]
        node.kill()
        flushing = asyncio.create_task(flush(outbox, 1))
        # Nobody else has the partition that it led, and for so long nobody leads it.
        await asyncio.sleep(20)
        assert not flushing.done()
        node.start()
        await asyncio.wait_for(flushing, 60)
        await flush(outbox, 2)
        await producer.stop()
        return await values(settings, topic.name, 9)

    written = [b"0", b"1", b"2"]
    assert asyncio.run(scenario()) == {0: written, 1: written, 2: written}


async def values(settings: Settings, topic: str, count: int) -> dict[int, list[bytes]]:
    """By partition, in their order."""
    found: dict[int, list[bytes]] = {}
    consumer = kafka.reader(settings, topic)
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            while sum(map(len, found.values())) < count:
                record = await consumer.getone()
                found.setdefault(record.partition, []).append(record.value)
    finally:
        await consumer.stop()
    return found


def test_every_topic_has_three_replicas_and_takes_writes_with_two(running: Running) -> None:
    """Faust's own topics too: state that only one node has would die with it."""
    settings = running.settings
    found = places(settings.kafka, settings.topic_prefix)
    names = {place.topic for place in found}
    assert {settings.topic(topic.name) for topic in TOPICS} <= names
    leader_topics = {name for name in names if name.endswith("__leader")}
    assert settings.topic(STATE_CHANGELOG) in names
    assert leader_topics
    assert {len(place.replicas) for place in found} == {3}
    assert asyncio.run(least_in_sync(settings, names)) == {"2"}
    assert asyncio.run(of_replicas(settings)).state == "ok"


def test_the_doctor_tells_a_changelog_that_a_worker_made_without_dm_replication(
    running: Running,
) -> None:
    """It takes writes, and nobody sees anything until its node dies."""
    settings = running.settings
    running.more["DM_REPLICATION"] = "1"
    running.start("delivery")
    told = asyncio.run(of_replicas(settings))
    assert told.state == "wrong"
    assert "dmstream-delivery-sends-changelog (1)" in told.found
    assert "dm.events.v1" not in told.found


async def least_in_sync(settings: Settings, topics: set[str]) -> set[str]:
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        answers = await admin.describe_configs(wanted)
    finally:
        await admin.close()
    return {
        entry[1]
        for answer in answers
        for resource in answer.resources
        for entry in resource[4]
        if entry[0] == "min.insync.replicas"
    }
