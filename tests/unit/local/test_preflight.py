"""What is wrong is told before anything starts, with the variable that mends it."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.local import preflight, processes
from streams.local.preflight import Port, PreflightError
from streams.settings import Settings


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_names_the_server_and_the_variable(taken_port: int) -> None:
    port = preflight.gateway_port(settings(port=taken_port))
    with pytest.raises(PreflightError, match=f"port {taken_port} for the gateway .* DM_PORT"):
        preflight.check_ports([port])


def test_one_port_for_two_servers_is_refused() -> None:
    number = processes.free_port()
    ports = [Port(number, "127.0.0.1", "a", "DM_A"), Port(number, "127.0.0.1", "b", "DM_B")]
    with pytest.raises(PreflightError, match=r"two servers, a .DM_A. and b .DM_B."):
        preflight.check_ports(ports)


def test_free_ports_pass() -> None:
    preflight.check_ports([preflight.gateway_port(settings(port=processes.free_port()))])


@pytest.mark.parametrize(
    "kafka", ["kafka.example:9092", "127.0.0.1:1,127.0.0.1:2", "127.0.0.1", "127.0.0.1:abc"]
)
def test_a_broker_elsewhere_is_not_embedded_in_silence(kafka: str) -> None:
    with pytest.raises(PreflightError, match="--own-kafka"):
        preflight.kafka_port(settings(kafka=kafka))


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:8443", "http://clickhouse:8123", "http://127.0.0.1"]
)
def test_a_clickhouse_elsewhere_is_not_embedded_in_silence(url: str) -> None:
    with pytest.raises(PreflightError, match=r"DM_CLICKHOUSE_URL is .* --own-clickhouse"):
        preflight.clickhouse_ports(settings(clickhouse_url=url))


def test_the_defaults_are_four_ports_of_loopback() -> None:
    ports = [
        preflight.gateway_port(settings()),
        preflight.kafka_port(settings()),
        *preflight.clickhouse_ports(settings()),
    ]
    assert [port.number for port in ports] == [8080, 19092, 18123, 18124]


def test_a_missing_wheel_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "chdb", raising=False)  # another test may have loaded it
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == "chdb" else Path)
    with pytest.raises(PreflightError, match=r"ClickHouse engine .*chdb.*make install"):
        preflight.check_wheels()


def test_all_wheels_are_here() -> None:
    preflight.check_wheels()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_told_as_such_and_not_as_a_taken_port(host: str) -> None:
    port = preflight.gateway_port(settings(host=host, port=processes.free_port()))
    with pytest.raises(PreflightError, match=f"DM_HOST is {host}, which is no address of this"):
        preflight.check_ports([port])
