"""What several modules share: a place for `dmstream up`, and an archive of the module's own."""

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.conftest import ClickHouse
from tests.pipeline.upping import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


@pytest.fixture(scope="module")
def database(embedded_clickhouse: ClickHouse) -> str:
    """Migrated; its views are in `<name>_analytics`."""
    return embedded_clickhouse.migrated()


@pytest.fixture(scope="module")
def client(embedded_clickhouse: ClickHouse) -> Client:
    return embedded_clickhouse.connect()
