"""A pipeline on Apache Kafka that a simulated day comes into, while something goes wrong."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from schemas import topics
from sinks import completeness
from streams import kafka
from streams.local import processes
from streams.local.apache_kafka import Cluster
from streams.log_positions import log_ends
from streams.settings import Settings
from streams.simulator.client import Tally, send
from streams.simulator.simulation import APP_ID, Simulation
from tests.conftest import ClickHouse
from tests.engines import APACHE, Broker
from tests.pipeline.running import Running
from tests.pipeline.test_simulated_day import day, differences, sending

WEBHOOKS = 3000
RATE = 80
"""A second: the trouble takes half a minute, and the load goes on through all of it."""

SESSION_SECONDS = 30.0
"""Longer than a leader is away. A conversations worker whose batch waited longer than its session
ends itself and is started again (docs/failure-model.md); here nobody starts it."""


@contextmanager
def pipeline_on(cluster: Cluster, clickhouse: ClickHouse, folder: Path) -> Iterator[Running]:
    """Gateway and workers, with a replica of each topic on every node. Afterwards all nodes run."""
    settings = Broker(APACHE, cluster.bootstrap).settings(
        folder,
        replication=len(cluster.nodes),
        kafka_session_seconds=SESSION_SECONDS,
        clickhouse_url=clickhouse.url,
        clickhouse_database=clickhouse.migrated(),
        port=processes.free_port(),
        meta_app_ids=(APP_ID,),
    )
    asyncio.run(kafka.ensure_topics(settings))
    pipeline = Running(settings, folder)
    try:
        for name in ("gateway", "conversations", "history"):
            pipeline.start(name)
        yield pipeline
    finally:
        pipeline.stop()
        for node in cluster.nodes:
            node.resume()
            if not node.is_running:
                node.start()


def feed(running: Running, simulation: Simulation) -> Tally:
    """As a provider does, that tries again for longer than a node needs to come back."""
    patient = replace(sending(running, RATE), patience_seconds=240)
    return asyncio.run(send(simulation.deliveries(), len(simulation), patient))


def while_fed(running: Running, trouble: Callable[["Future[Tally]"], None]) -> None:
    """The day comes in while there is trouble; then all of it is archived as it was meant."""
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201 - a failure is repeated by it
    simulation = day(seed=seed, webhooks=WEBHOOKS)
    with ThreadPoolExecutor(1) as feeder:
        feeding = feeder.submit(feed, running, simulation)
        trouble(feeding)
        assert not feeding.result().unexpected
    assert_as_meant(running, simulation)


def assert_as_meant(running: Running, simulation: Simulation) -> None:
    """As `assert_archived`, but that a body that can't be read may be a failure twice where it is
    on the log twice: an acknowledgement was lost, the gateway said 503 and the provider sent it
    again (decision 7). An event counts once all the same, by its id; a failure has none but its
    place on the log. A failure twice for one record would be a fault of ours."""
    running.settled(400)
    database = running.settings.clickhouse_database
    client = running.archive()
    found = differences(simulation.intention, client, database)
    twice = asyncio.run(bodies_that_came_twice(running.settings))
    print(len(twice), "bodies are on the log twice")  # noqa: T201 - how often it was met
    assert not [one for one in found if one not in {f"failure {body}: doubled" for body in twice}]
    reports = completeness.check(client, database=database)
    assert reports
    assert all(report.is_complete for report in reports)
    client.close()


async def bodies_that_came_twice(settings: Settings) -> set[str]:
    """sha256 of the bodies that are on the webhooks' topic more than once."""
    ends = await log_ends(settings, topics.WEBHOOKS)
    seen: Counter[str] = Counter()
    consumer = kafka.reader(settings, topics.WEBHOOKS)
    await consumer.start()
    try:
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                seen.update(sha256(record.value).hexdigest() for record in records)
    finally:
        await consumer.stop()
    return {body for body, count in seen.items() if count > 1}
