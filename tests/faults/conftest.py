"""One pipeline for the tests of a module: each hurts it, lets it heal, and asks the checker."""

from collections.abc import Iterator

import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.faults.clickhouse_engine import DATABASE, engine
from tests.faults.clickhouse_proxy import door_to
from tests.faults.field import ALL, Field
from tests.faults.starting import under_fire


@pytest.fixture(scope="module")
def field(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    """All workers, on servers that stay well."""
    folder = tmp_path_factory.mktemp("field")
    archive = (embedded_clickhouse.url, embedded_clickhouse.migrated())
    with under_fire(broker.settings(folder), folder, *ALL, clickhouse=archive) as found:
        yield found


@pytest.fixture(scope="module")
def fragile(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """The same with a ClickHouse of its own, to be hurt: `engine`, and behind a `door`."""
    folder = tmp_path_factory.mktemp("fragile")
    with (
        engine(folder / "clickhouse") as clickhouse,
        door_to(clickhouse.url) as door,
        under_fire(
            broker.settings(folder), folder, *ALL, clickhouse=(door.url, DATABASE),
            clickhouse_answer_seconds="3",
        ) as found,
    ):  # fmt: skip
        found.look_past_the_door(clickhouse, door)
        yield found
