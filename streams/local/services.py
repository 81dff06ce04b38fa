"""The children of `up`: how each is started, and how one knows that it is ready."""

import asyncio
import http.client
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from streams.limits import Limit
from streams.local import processes
from streams.local.apache_kafka.node import Node, brokers
from streams.local.broker import broker_arguments
from streams.local.environment import as_environment
from streams.local.preflight import Port
from streams.local.supervisor import Service
from streams.monitoring import running
from streams.monitoring.paths import LIVE_PATH
from streams.sandbox.config import PATHS
from streams.settings import Settings

_SESSION_SECONDS = 10.0
BROKER = "broker"
CLICKHOUSE = "ClickHouse"
GATEWAY = "gateway"
SANDBOX = "sandbox"
DASHBOARD = "dashboard"
WORKERS = ("conversations", "delivery", "history", "webhooks")
_X_IN_THE_SANDBOX = Limit(99, 900)
"""What an answer of X was seen to say. With the 15 of X's page, whoever tries the pipeline out
would wait for minutes after a few answers."""


def broker(settings: Settings, port: Port) -> Service:
    return Service(
        name=BROKER,
        arguments=tuple(broker_arguments(port.number)),
        log_file=settings.log_dir / "broker.log",
        is_ready=_listens(port),
        address=settings.kafka,
        restarts=False,
        ready_within_seconds=10,
    )


def apache_kafka(settings: Settings, node: Node) -> Service:
    async def answers() -> bool:
        return node.number in await brokers(node.address)

    return Service(
        name=BROKER,
        arguments=node.arguments(),
        log_file=settings.log_dir / "broker.log",
        is_ready=answers,
        address=f"{settings.kafka}, Apache Kafka {node.version}",
        # After a kill it looks through its log first.
        ready_within_seconds=300,
    )


def on_apache_kafka(settings: Settings) -> Settings:
    """What a broker of one's own takes a minute for is quicker on one machine: a worker that fell
    gets its partitions back when its session has run out."""
    session = settings.kafka_session_seconds or _SESSION_SECONDS
    return settings.model_copy(update={"kafka_session_seconds": session})


def clickhouse(settings: Settings, port: Port, read_only: Port) -> Service:
    return Service(
        name=CLICKHOUSE,
        arguments=(
            sys.executable, "-m", "sinks.embedded",
            "--data", str((settings.data_dir / "clickhouse").absolute()),
            "--port", str(port.number),
            "--read-only-port", str(read_only.number),
        ),
        log_file=settings.log_dir / "clickhouse.log",
        is_ready=_answers(f"{settings.clickhouse_url}/ping"),
        address=f"{settings.clickhouse_url}, read only :{read_only.number}",
        environment=as_environment(settings),
    )  # fmt: skip


def gateway(settings: Settings) -> Service:
    return Service(
        name=GATEWAY,
        arguments=(sys.executable, "-m", "streams.cli", "gateway"),
        log_file=settings.log_dir / "gateway.log",
        is_ready=_answers(f"{gateway_url(settings)}/readyz"),
        is_live=_is_live(settings),
        address=gateway_url(settings),
        # Its own grace is made for load balancers; here a person waits for the prompt.
        environment={**as_environment(settings), "DM_SHUTDOWN_GRACE_SECONDS": "2"},
    )


def dashboard(settings: Settings, port: Port) -> Service:
    return Service(
        name=DASHBOARD,
        arguments=(sys.executable, "-m", "streams.cli", "dashboard"),
        log_file=settings.log_dir / "dashboard.log",
        is_ready=_listens(port),
        address=dashboard_url(settings),
        environment=as_environment(settings),
    )


def sandbox(settings: Settings, port: Port) -> Service:
    return Service(
        name=SANDBOX,
        arguments=(
            sys.executable, "-m", "streams.cli", "sandbox",
            "--port", str(port.number),
            "--gateway", gateway_url(settings),
        ),
        log_file=settings.log_dir / "sandbox.log",
        is_ready=_listens(port),
        address=sandbox_url(settings),
        environment=as_environment(settings),
    )  # fmt: skip


def sandbox_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.sandbox_port}"


def in_the_sandbox(settings: Settings) -> Settings:
    """The settings with every platform's address in the sandbox, and no real credential."""
    addresses = {
        variable.removeprefix("DM_").lower(): sandbox_url(settings) + path
        for variable, path in PATHS.items()
    }
    changes: dict[str, object] = {**addresses, "sandbox": True}
    if "x_send_limits" not in settings.model_fields_set:
        changes["x_send_limits"] = (_X_IN_THE_SANDBOX,)
    return settings.model_copy(update=changes)


def worker(settings: Settings, name: str) -> Service:
    ready_file = settings.data_dir / "run" / f"{name}.ready"
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    own = settings.model_copy(update={"ready_file": ready_file})
    return Service(
        name=worker_name(name),
        arguments=(sys.executable, "-m", "streams.cli", "worker", name),
        log_file=settings.log_dir / f"{name}.log",
        is_ready=_exists(ready_file),
        is_live=_is_live(settings),
        before_start=lambda: ready_file.unlink(missing_ok=True),
        environment=as_environment(own),
        # A worker is ready once its state is recovered: that takes as long as the log is long.
        ready_within_seconds=600,
    )


def worker_name(name: str) -> str:
    return f"{name} worker"


def gateway_url(settings: Settings) -> str:
    """Where a client on this machine reaches the gateway, whatever it is bound to."""
    return f"http://{_reachable(settings.host)}:{settings.port}"


def dashboard_url(settings: Settings) -> str:
    return f"http://{_reachable(settings.dashboard_host)}:{settings.dashboard_port}/dashboard"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)  # noqa: S104


def _listens(port: Port) -> Callable[[], Awaitable[bool]]:
    async def listens() -> bool:
        return processes.is_listening(port.number)

    return listens


def _answers(url: str, seconds: float = 1.0) -> Callable[[], Awaitable[bool]]:
    parts = urlsplit(url)

    def ask() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    async def answers() -> bool:
        return await asyncio.to_thread(ask)

    return answers


def _is_live(settings: Settings) -> Callable[[int], Awaitable[bool]]:
    """By the port that the process has noted; one that has none yet is not judged."""

    async def is_live(pid: int) -> bool:
        note = running.one(settings.data_dir, pid)
        if note is None or not note.port:
            return True
        return await _answers(f"http://127.0.0.1:{note.port}{LIVE_PATH}", seconds=5.0)()

    return is_live


def _exists(file: Path) -> Callable[[], Awaitable[bool]]:
    async def exists() -> bool:
        return file.exists()  # noqa: ASYNC240 - of a local folder, some microseconds

    return exists
