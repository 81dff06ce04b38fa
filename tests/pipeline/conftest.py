"""What several modules share: a place for `dmstream up`, and an archive and a sandbox of the
module's own."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from streams import kafka
from streams.local import processes
from streams.settings import Settings
from streams.simulator.simulation import APP_ID
from tests.conftest import ClickHouse
from tests.pipeline.sandbox import Sandbox, sandbox
from tests.pipeline.upping import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


@pytest.fixture
def archiving(settings: Settings, embedded_clickhouse: ClickHouse) -> Settings:
    """For one test's processes: topics that are made, an archive, a free port for the gateway."""
    own = settings.model_copy(
        update={
            "clickhouse_url": embedded_clickhouse.url,
            "clickhouse_database": embedded_clickhouse.migrated(),
            "port": processes.free_port(),
            "meta_app_ids": (APP_ID,),
        }
    )
    asyncio.run(kafka.ensure_topics(own))
    return own


@pytest.fixture(scope="module")
def database(embedded_clickhouse: ClickHouse) -> str:
    """Migrated; its views are in `<name>_analytics`."""
    return embedded_clickhouse.migrated()


@pytest.fixture(scope="module")
def client(embedded_clickhouse: ClickHouse) -> Client:
    return embedded_clickhouse.connect()


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture
def box(stand_in: Sandbox) -> Sandbox:
    """The module's sandbox, with no fault set."""
    stand_in.clear_faults()
    return stand_in


@pytest.fixture
def log() -> str:
    """A log that only this test writes of."""
    return uuid.uuid4().hex
