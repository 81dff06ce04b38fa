"""The same cases against Apache Kafka and ClickHouse in containers, where an engine answers."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from sinks import clickhouse, migrate
from streams.settings import Settings
from tests.pipeline import test_outbox

pytestmark = pytest.mark.pipeline

KAFKA_IMAGE = "apache/kafka:3.9.1"
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:25.8"


@pytest.fixture(scope="module")
def engine() -> None:
    """Skips where no container engine answers."""
    docker = pytest.importorskip("docker", reason="the docker client is not installed")
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no container engine answers ({type(error).__name__}): start one to run this")


@pytest.fixture(scope="module")
def apache_kafka(engine: None) -> Iterator[str]:  # noqa: ARG001 - it skips
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415

    with KafkaContainer(KAFKA_IMAGE).with_kraft() as container:
        yield container.get_bootstrap_server()


@pytest.fixture(scope="module")
def clickhouse_server(engine: None) -> Iterator[str]:  # noqa: ARG001 - it skips
    from testcontainers.clickhouse import ClickHouseContainer  # noqa: PLC0415

    with ClickHouseContainer(CLICKHOUSE_IMAGE, username="default", password="secret") as container:
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8123)}"


def test_writes_to_apache_kafka_stay_in_order_whatever_their_sizes(apache_kafka: str) -> None:
    settings = Settings(
        _env_file=None, kafka=apache_kafka, partitions=4, topic_prefix=f"c{uuid4().hex[:8]}."
    )
    test_outbox.test_records_of_one_key_stay_in_order_whatever_their_sizes(settings)


def test_a_clickhouse_server_takes_every_migration_twice(clickhouse_server: str) -> None:
    client = clickhouse.connect(clickhouse_server, user="default", password="secret")
    defaults = migrate.business_defaults(monthly_limit=100, month_zone="UTC")
    assert migrate.apply(client, database="dm", defaults=defaults)
    assert not migrate.apply(client, database="dm", defaults=defaults)
    client.close()
