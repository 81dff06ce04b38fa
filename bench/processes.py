"""The pipeline's real processes, for benchmarks: on the embedded broker, in a temporary folder."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import httpx

from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings

ROOT = Path(__file__).parents[1]


@contextmanager
def broker(partitions: int) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        port = processes.free_port()
        child = start_broker(port, log_file=Path(folder, "broker.log"))
        try:
            yield Settings(
                _env_file=None,
                kafka=f"127.0.0.1:{port}",
                embedded=True,
                partitions=partitions,
                data_dir=Path(folder),
                port=processes.free_port(),
            )
        finally:
            processes.stop(child, grace_seconds=0)


@contextmanager
def worker(settings: Settings, name: str, **more: str) -> Iterator["Popen[bytes]"]:
    """Started, not ready yet."""
    ready = ready_file(settings, name)
    ready.unlink(missing_ok=True)
    arguments = ["-m", "streams.cli", *(["worker"] if name != "gateway" else []), name]
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DM_READY_FILE": str(ready),
        **_told(settings),
        **more,
    }
    with _running([sys.executable, *arguments], settings, name, environment) as child:
        yield child


@contextmanager
def peer(python: str, settings: Settings, module: str, **more: str) -> Iterator["Popen[bytes]"]:
    """A module of bench.peers, by the Python of the peers' own environment."""
    environment = {"PYTHONPATH": str(ROOT), **_told(settings), **more}
    arguments = [python, "-m", f"bench.peers.{module}"]
    with _running(arguments, settings, module, environment) as child:
        yield child


@contextmanager
def command(
    arguments: list[str], settings: Settings, name: str, **more: str
) -> Iterator["Popen[bytes]"]:
    """Any program, told the same."""
    with _running(arguments, settings, name, {**_told(settings), **more}) as child:
        yield child


def _told(settings: Settings) -> dict[str, str]:
    return {
        "DM_KAFKA": settings.kafka,
        "DM_EMBEDDED": "true",
        "DM_PARTITIONS": str(settings.partitions),
        "DM_TOPIC_PREFIX": settings.topic_prefix,
        "DM_DATA_DIR": str(settings.data_dir),
        "DM_PORT": str(settings.port),
        "DM_CLICKHOUSE_URL": settings.clickhouse_url,
        "DM_CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }


@contextmanager
def _running(
    arguments: list[str], settings: Settings, name: str, environment: dict[str, str]
) -> Iterator["Popen[bytes]"]:
    log_file = settings.data_dir / f"{settings.topic(name)}.log"
    child = processes.start(arguments, log_file=log_file, environment=environment)
    try:
        yield child
    except SystemExit:
        print(log_file.read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        processes.stop(child, grace_seconds=5)


@contextmanager
def clickhouse(folder: Path) -> Iterator[tuple[str, str]]:
    """The embedded ClickHouse on a folder: its full and its read-only address."""
    port, read_port = processes.free_port(), processes.free_port()
    child = processes.start(
        [
            sys.executable, "-m", "sinks.embedded", "--data", str(folder / "data"),
            "--port", str(port), "--read-only-port", str(read_port),
        ],
        log_file=folder / "clickhouse.log",
        environment={"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        wait_until_listening(port, child)
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{read_port}"
    finally:
        processes.stop(child)


@contextmanager
def clickhouse_at(url: str | None) -> Iterator[str]:
    """A server that runs; without an address the embedded one, in a temporary folder."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, clickhouse(Path(folder)) as (own, _):
        yield own


def ready_file(settings: Settings, name: str) -> Path:
    return settings.data_dir / f"{name}.ready"


def wait_until_ready(settings: Settings, name: str, child: "Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready_file(settings, name).exists():
        log = settings.data_dir / f"{settings.topic(name)}.log"
        if child.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{name} did not become ready: {log.read_text()[-2000:]}")
        time.sleep(0.02)


def resident_bytes(child: "Popen[bytes]") -> int:
    """Memory that the process holds now (VmRSS)."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def processor_seconds(child: "Popen[bytes]") -> float:
    """User and system time that the process has used (/proc/PID/stat, fields 14 and 15)."""
    return _processor_seconds(child.pid)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


PARTS = {"tansu": "broker", "sandbox": "sandbox", "gateway": "gateway",
         "conversations": "conversations", "delivery": "delivery"}  # fmt: skip
"""By a word of their command line, in which only the sandbox's names another part as well."""


def processor_seconds_of_all() -> dict[str, float]:
    """By part of the pipeline, and of this process, which drives them."""
    found = {"driver": _processor_seconds(os.getpid())}
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        command = Path(f"/proc/{pid}/cmdline").read_text()
        name = next((name for word, name in PARTS.items() if word in command), command)
        found[name] = _processor_seconds(int(pid))
    return found


@contextmanager
def sandbox(settings: Settings, more: dict[str, str]) -> Iterator[str]:
    """The platforms' stand-in, whose people only read; its address."""
    port = processes.free_port()
    arguments = ["--port", str(port), "--gateway", f"http://127.0.0.1:{settings.port}"]
    quiet = ["--reply-share", "0", "--reaction-share", "0", "--read-share", "0"]
    child = processes.start(
        [sys.executable, "-m", "streams.sandbox", *arguments, *quiet],
        log_file=settings.data_dir / "sandbox.log",
        environment={"PYTHONPATH": ":".join(sys.path), **more},
    )
    try:
        wait_until_listening(port, child)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(child)


def wait_until_accepting(port: int) -> None:
    """A gateway listens before it has reached the broker."""
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz").is_success:
                return
        time.sleep(0.05)
    raise SystemExit("the gateway did not reach the broker: see its log")


def wait_until_listening(port: int, child: "Popen[bytes]") -> None:
    for _ in range(600):
        if processes.is_listening(port):
            return
        if child.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on port {port}: see the process's log")
