"""One node of Apache Kafka alone: while it is away all wait, and afterwards nothing is missing."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import httpx
import pytest

from streams.local.apache_kafka import NEWEST, OLDEST, Cluster, start_cluster, why_not_here
from streams.simulator.client import Tally
from tests.conftest import ClickHouse
from tests.faults.under_load import pipeline_on, while_fed
from tests.pipeline.running import Running

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    missing = why_not_here(request.param)
    if missing:
        pytest.skip(missing)
    cluster = start_cluster(1, tmp_path_factory.mktemp("alone"), request.param)
    yield cluster
    cluster.stop()


@pytest.fixture
def running(cluster: Cluster, embedded_clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Running]:
    with pipeline_on(cluster, embedded_clickhouse, tmp_path) as found:
        yield found


def is_ready(running: Running) -> bool:
    address = f"http://127.0.0.1:{running.settings.port}/readyz"
    return httpx.get(address, timeout=10).status_code == 200


def test_a_broker_killed_and_stopped_under_load_loses_and_doubles_nothing(
    cluster: Cluster, running: Running
) -> None:
    """Invariants 1, 2 and 10. What it acknowledged before `kill -9` it still has."""
    (node,) = cluster.nodes

    def trouble(_: "Future[Tally]") -> None:
        for end in (node.kill, node.stop):
            time.sleep(3)
            end()
            running.wait(lambda: not is_ready(running), 20, "503 of the gateway")
            node.start()
            running.wait(lambda: is_ready(running), 30, "the gateway to be ready again")

    while_fed(running, trouble)
