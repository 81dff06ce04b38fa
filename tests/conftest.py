"""Servers that tests share: started once a session, on loopback, ended with it."""

import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from sinks import clickhouse, migrate
from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded broker."""
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
        embedded=True,
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
