"""The pipeline's real processes, for benchmarks: on the embedded broker, in a temporary folder."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings


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
    child = processes.start(
        [sys.executable, "-m", "streams.cli", *(["worker"] if name != "gateway" else []), name],
        log_file=settings.data_dir / f"{name}.log",
        environment={
            "PYTHONPATH": ":".join(sys.path),
            "DM_KAFKA": settings.kafka,
            "DM_EMBEDDED": "true",
            "DM_PARTITIONS": str(settings.partitions),
            "DM_TOPIC_PREFIX": settings.topic_prefix,
            "DM_DATA_DIR": str(settings.data_dir),
            "DM_PORT": str(settings.port),
            "DM_READY_FILE": str(ready),
            **more,
        },
    )
    try:
        yield child
    finally:
        processes.stop(child, grace_seconds=5)


def ready_file(settings: Settings, name: str) -> Path:
    return settings.data_dir / f"{name}.ready"


def wait_until_ready(settings: Settings, name: str, child: "Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready_file(settings, name).exists():
        log = settings.data_dir / f"{name}.log"
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


def wait_until_listening(port: int, child: "Popen[bytes]") -> None:
    for _ in range(600):
        if processes.is_listening(port):
            return
        if child.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on port {port}: see the process's log")
