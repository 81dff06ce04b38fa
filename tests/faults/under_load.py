"""A pipeline on Apache Kafka that a simulated day comes into, while something goes wrong."""

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from streams import kafka
from streams.local import processes
from streams.local.apache_kafka import Cluster
from streams.simulator.client import Tally, send
from streams.simulator.simulation import APP_ID, Simulation
from tests.conftest import ClickHouse
from tests.engines import APACHE, Broker
from tests.pipeline.running import Running
from tests.pipeline.test_simulated_day import assert_archived, day, sending

WEBHOOKS = 3000
RATE = 80
"""A second: the trouble takes half a minute, and the load goes on through all of it."""


@contextmanager
def pipeline_on(cluster: Cluster, clickhouse: ClickHouse, folder: Path) -> Iterator[Running]:
    """Gateway and workers, with a replica of each topic on every node. Afterwards all nodes run."""
    settings = Broker(APACHE, cluster.bootstrap).settings(
        folder,
        replication=len(cluster.nodes),
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
    assert_archived(running, simulation)
