"""Every client of ours on a Kafka that wants a password and shows a certificate of a private CA."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

from streams import kafka
from streams.local import processes
from streams.local.apache_kafka import NEWEST, OLDEST, why_not_here
from streams.local.apache_kafka.cluster import prepare_cluster
from streams.local.apache_kafka.node import free_port
from streams.settings import Settings
from streams.simulator.simulation import APP_ID
from tests.conftest import ClickHouse
from tests.engines import APACHE, Broker
from tests.pipeline.running import Running
from tests.pipeline.test_simulated_day import assert_archived, day, feed

pytestmark = [pytest.mark.pipeline, pytest.mark.long]

USER, PASSWORD = "dmstream", "correct horse battery staple"
MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Secured:
    broker: Broker
    authority: Path


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def secured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    """Its open listener is for itself alone: clients are told the other one."""
    missing = why_not_here(request.param)
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    write_keystore(authority, folder / "server.pem")
    cluster = prepare_cluster(
        1, folder / "kafka", request.param,
        format_with=("--add-scram", f'{MECHANISM}=[name="{USER}",password="{PASSWORD}"]'),
    )  # fmt: skip
    port = free_port()
    (node,) = cluster.nodes
    secure = f"SECURE://127.0.0.1:{port}"
    node.properties |= {
        "listeners": f"{node.properties['listeners']},{secure}",
        "advertised.listeners": f"{node.properties['advertised.listeners']},{secure}",
        "listener.security.protocol.map": (
            node.properties["listener.security.protocol.map"] + ",SECURE:SASL_SSL"
        ),
        "listener.name.secure.sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.secure.{MECHANISM.lower()}.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(folder / "server.pem"),
    }
    cluster.start()
    yield Secured(Broker(APACHE, f"127.0.0.1:{port}"), folder / "ca.pem")
    cluster.stop()


def write_keystore(authority: trustme.CA, file: Path) -> None:
    """A key and its certificates as Kafka reads them: it takes PKCS 8 only."""
    made = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + b"".join(blob.bytes() for blob in made.cert_chain_pems))
    file.chmod(0o600)


@pytest.fixture
def settings(secured: Secured, tmp_path: Path) -> Settings:
    return secured.broker.settings(
        tmp_path,
        kafka_security="SASL_SSL",
        kafka_sasl_mechanism=MECHANISM,
        kafka_username=USER,
        kafka_password=PASSWORD,
        kafka_ca_file=secured.authority,
        port=processes.free_port(),
        meta_app_ids=(APP_ID,),
    )


def with_security(settings: Settings, folder: Path) -> Running:
    more = {
        "DM_KAFKA_SECURITY": settings.kafka_security,
        "DM_KAFKA_SASL_MECHANISM": settings.kafka_sasl_mechanism,
        "DM_KAFKA_USERNAME": settings.kafka_username,
        "DM_KAFKA_PASSWORD": settings.kafka_password.get_secret_value(),
        "DM_KAFKA_CA_FILE": str(settings.kafka_ca_file),
    }
    return Running(settings, folder, more=more)


def test_gateway_workers_and_commands_do_their_work(
    settings: Settings, embedded_clickhouse: ClickHouse, tmp_path: Path
) -> None:
    own = settings.model_copy(
        update={
            "clickhouse_url": embedded_clickhouse.url,
            "clickhouse_database": embedded_clickhouse.migrated(),
        }
    )
    running = with_security(own, tmp_path)

    def dmstream(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            env=running.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip

    made = dmstream("topics", "--create")
    assert made.returncode == 0, made.stderr
    for name in ("gateway", "conversations", "history", "delivery", "webhooks"):
        running.start(name)
    simulation = day(seed=8, webhooks=300)
    assert not feed(running, simulation).unexpected
    assert_archived(running, simulation)
    examined = dmstream("doctor")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    everything = "".join(file.read_text() for file in tmp_path.glob("*.log"))
    assert PASSWORD not in everything + examined.stdout + examined.stderr
    assert set(running.stop().values()) == {0}


@pytest.mark.parametrize(
    "wrong",
    [{"kafka_password": SecretStr("wrong")}, {"kafka_ca_file": None}],
    ids=["password", "authority"],
)
def test_who_has_not_the_password_or_not_the_authority_gets_nowhere(
    settings: Settings, wrong: dict[str, object]
) -> None:
    """Else the test above would prove nothing."""
    with pytest.raises(KafkaError):
        asyncio.run(kafka.log_id(settings.model_copy(update=wrong)))
