"""ClickHouse as a process of a test's own, that may be killed and hurt."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sinks import clickhouse, migrate
from streams.local import processes

DATABASE = "dm"


@dataclass
class Engine:
    """The embedded ClickHouse on a folder that stays when it dies."""

    folder: Path
    port: int = field(default_factory=processes.free_port)
    read_port: int = field(default_factory=processes.free_port)
    child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        log_file = self.folder / "clickhouse.log"
        self.child = processes.start(
            [
                sys.executable, "-m", "sinks.embedded", "--data", str(self.folder / "data"),
                "--port", str(self.port), "--read-only-port", str(self.read_port),
            ],
            log_file=log_file,
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while not processes.is_listening(self.port):
            assert self.child.poll() is None, log_file.read_text()[-1500:]
            assert time.monotonic() < deadline, log_file.read_text()[-1500:]
            time.sleep(0.05)

    def migrate(self) -> None:
        client = clickhouse.connect(self.url)
        defaults = migrate.business_defaults(monthly_limit=100, month_zone="UTC")
        migrate.apply(client, database=DATABASE, defaults=defaults)
        client.close()

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        if self.child is not None:
            processes.stop(self.child)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size in memory. Skips where nobody may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("a small disk needs the right to mount one (root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    folder.mkdir(parents=True, exist_ok=True)
    made = Engine(folder)
    made.start()
    try:
        made.migrate()
        yield made
    finally:
        made.stop()
