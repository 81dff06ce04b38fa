"""Servers that tests share: started once a session, on loopback, ended with it."""

import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import settings as hypothesis_settings

from sinks import clickhouse, migrate
from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings

# What a random search finds is for a developer to see at once, not for a build to trip over: in CI
# each property runs the same examples every time.
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.register_profile("developer", deadline=None)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "developer")

MOST_JOBS = 6
"""Each keeps a broker and a ClickHouse engine of its own."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: the tests of real processes wait as much as they compute."""
    return min((os.cpu_count() or 1) + 1, MOST_JOBS)


TEST_KAFKA = os.environ.get("DM_TEST_KAFKA", "")
"""`host:port` of a real broker to run the pipeline tests on. Topics get names of their own."""


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded broker, or of the Apache Kafka that DM_TEST_KAFKA names."""
    if TEST_KAFKA:
        yield TEST_KAFKA
        return
    port = processes.free_port()
    child = start_broker(port, log_file=tmp_path_factory.mktemp("broker") / "broker.log")
    yield f"127.0.0.1:{port}"
    processes.stop(child)


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    """Settings for one test: the shared broker, topics and groups of its own."""
    return Settings(
        _env_file=None,
        kafka=broker,
        embedded=not TEST_KAFKA,
        kafka_session_seconds=6 if TEST_KAFKA else None,
        partitions=4,
        topic_prefix=f"t{uuid.uuid4().hex[:8]}.",
        data_dir=tmp_path,
    )


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """The embedded ClickHouse that tests share, and a database pair for each test that asks."""

    url: str
    read_url: str

    def connect(self, **options: Any) -> Client:
        return clickhouse.connect(self.url, **options)

    def migrated(self) -> str:
        """A new database, migrated; its views are in `<name>_analytics`."""
        database = f"t{uuid.uuid4().hex[:10]}"
        client = self.connect()
        migrate.apply(
            client,
            database=database,
            defaults=migrate.business_defaults(monthly_limit=100, month_zone="UTC"),
        )
        client.close()
        return database


@pytest.fixture(scope="session")
def embedded_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    folder = tmp_path_factory.mktemp("clickhouse")
    port, read_port = processes.free_port(), processes.free_port()
    log_file = folder / "clickhouse.log"
    child = processes.start(
        [
            sys.executable, "-m", "sinks.embedded", "--data", str(folder / "data"),
            "--port", str(port), "--read-only-port", str(read_port),
        ],
        log_file=log_file,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not processes.is_listening(port):
        assert child.poll() is None, log_file.read_text()
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.02)
    yield ClickHouse(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{read_port}")
    processes.stop(child)
