"""The way to the broker breaks in the middle of what is said."""

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.local import processes
from streams.local.broker import broker_arguments
from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.faults.broker_proxy import Cutter, cutter
from tests.faults.field import ALL
from tests.faults.starting import under_fire

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]


@pytest.fixture
def broker_behind(tmp_path: Path) -> Iterator[Cutter]:
    """An embedded broker that tells its clients the proxy's address as its own."""
    port = processes.free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with cutter(listener, port, seed=random.randrange(1_000_000)) as proxy:
            arguments = broker_arguments(port)
            arguments[arguments.index("--advertised-listener-url") + 1] = (
                f"tcp://127.0.0.1:{proxy.port}"
            )
            child = processes.start(arguments, log_file=tmp_path / "broker.log")
            deadline = time.monotonic() + 30
            while not processes.is_listening(port):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield proxy
            processes.stop(child)


def test_connections_cut_after_any_number_of_bytes_lose_and_double_nothing(
    broker_behind: Cutter, embedded_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    """Produce, fetch, commit and join are cut wherever it happens to be; who asked does not know
    whether it was done. Each webhook that got a yes is there, once, and nothing is sent twice."""
    settings = Settings(
        _env_file=None,
        kafka=f"127.0.0.1:{broker_behind.port}",
        embedded=True,
        partitions=4,
        topic_prefix="cut.",
        data_dir=tmp_path,
    )
    archive = (embedded_clickhouse.url, embedded_clickhouse.migrated())
    with under_fire(settings, tmp_path, *ALL, clickhouse=archive) as field:
        field.feed(field.deliveries(40))
        field.wait_for_people()
        feeding = field.feeding(200, 20)
        field.answer(5)
        field.running.revives = True
        for _ in range(8):
            broker_behind.cut_after = range(20, 20_000)
            broker_behind.cut_all()
            time.sleep(0.7)
            broker_behind.cut_after = None
            time.sleep(0.3)
            field.running.look_after()
        broker_behind.cut_all()  # what has a length yet
        while not feeding.done():
            field.running.look_after()
            time.sleep(0.2)
        feeding.result()
        field.answer(5)
        field.drain()
        assert broker_behind.cuts > 0
        field.assert_clean()
