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
from streams.settings import Settings
from tests import engines
from tests.engines import Broker

# Else pytest rewrites test modules only, and an assert that fails in a helper shows no values.
pytest.register_assert_rewrite("tests.pipeline", "tests.unit", "tests.faults", "tests.browser")

# What a random search finds is for a developer to see at once, not for a build to trip over: in CI
# each property runs the same examples every time.
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.register_profile("developer", deadline=None)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "developer")

LONG = bool(os.environ.get("DM_TEST_LONG"))
"""Whether tests that take minutes run as well."""

MOST_JOBS = 6
"""Each keeps a broker and a ClickHouse engine of its own."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: the tests of real processes wait as much as they compute."""
    return min((os.cpu_count() or 1) + 1, MOST_JOBS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="takes minutes: DM_TEST_LONG=1 runs it"))


def pytest_report_header() -> str:
    return engines.told()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test on a broker runs once for each engine; its name says on which."""
    if "broker" in metafunc.fixturenames:
        about_kafka = metafunc.definition.get_closest_marker("kafka")
        strongest = about_kafka is not None and (LONG or not about_kafka.kwargs.get("long"))
        chosen = engines.engines(strongest=strongest)
        metafunc.parametrize("broker", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    with engines.running(request.param, tmp_path_factory.mktemp("broker")) as found:
        yield found


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    """Settings for one test: the shared broker, topics and groups of its own."""
    return broker.settings(tmp_path)


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
