"""The whole pipeline as real processes, for tests: start, kill, wait, read, stop."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from streams.local import processes
from streams.local.catching_up import look
from streams.settings import Settings

SECRETS = {
    "DM_AYRSHARE_SECRETS": "ayrshare-secret",
    "DM_META_APP_SECRETS": "meta-secret",
    "DM_META_VERIFY_TOKEN": "verify",
    "DM_X_CONSUMER_SECRETS": "x-secret",
}


@dataclass
class Running:
    """Gateway and workers on servers that already run. Each child's output is in its log file."""

    settings: Settings
    folder: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    monitors: dict[str, int] = field(default_factory=dict)
    """By name, the port of a process's metrics and health; none where it is not here."""
    more: dict[str, str] = field(default_factory=dict)
    """Environment of this pipeline, over all else."""
    revives: bool = False
    """Whoever ends is started again, as a supervisor does. Else it fails the test."""
    revived: list[str] = field(default_factory=list)
    patience: float = 3.0
    """Other work may have the machine: what stands still does so after thrice the time too."""

    def start(self, name: str, *module: str) -> None:
        """`gateway`, `conversations`, `history` or `delivery`; returns when it is ready.

        `history.2` is a second history worker. `module`: what to run in its place, with arguments.
        """
        self.launch(name, *module)
        self.wait_until_ready(name)

    def launch(self, name: str, *module: str) -> None:
        """The same without waiting: several then get ready side by side."""
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        command = ["gateway"] if name == "gateway" else ["worker", name.partition(".")[0]]
        self.children[name] = processes.start(
            [sys.executable, "-m", *(module or ("streams.cli", *command))],
            log_file=self.folder / f"{name}.log",
            environment={
                **self.environment(),
                "DM_READY_FILE": str(ready),
                "DM_MONITOR_PORT": str(self.monitors.get(name, 0)),
            },
        )

    def wait_until_ready(self, name: str) -> None:
        ready = self.folder / f"{name}.ready"
        if name == "gateway":
            self.wait(lambda: processes.is_listening(self.settings.port), 20, name)
        else:
            self.wait(ready.exists, 40, name)

    def environment(self) -> dict[str, str]:
        return {
            "DM_KAFKA": self.settings.kafka,
            "DM_EMBEDDED": str(self.settings.embedded),
            "DM_KAFKA_SESSION_SECONDS": str(self.settings.kafka_session_seconds or 4),
            "DM_PARTITIONS": str(self.settings.partitions),
            "DM_REPLICATION": str(self.settings.replication),
            "DM_TOPIC_PREFIX": self.settings.topic_prefix,
            "DM_CLICKHOUSE_URL": self.settings.clickhouse_url,
            "DM_CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
            "DM_PORT": str(self.settings.port),
            "DM_DATA_DIR": str(self.folder),
            "DM_META_APP_IDS": ",".join(self.settings.meta_app_ids),
            **SECRETS,
            **self.more,
        }

    def kill(self, name: str) -> None:
        child = self.children.pop(name)
        child.kill()
        child.wait()

    def freeze(self, name: str) -> None:
        """SIGSTOP: it is silent, and does not know it."""
        self.children[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.children[name].send_signal(signal.SIGCONT)

    def stop(self) -> dict[str, int]:
        """Stops all; the exit status by name."""
        children, self.children = self.children, {}
        return {name: processes.stop(child, grace_seconds=10) for name, child in children.items()}

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + self.patience * seconds
        while not done():
            self.look_after()
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s; {self.logs()}"
            time.sleep(0.05)

    def look_after(self) -> None:
        """Of the main thread only: a child ends with the thread that started it."""
        for name, child in list(self.children.items()):
            if child.poll() is None:
                continue
            assert self.revives, f"{name} ended: {self.log(name)}"
            self.revived.append(f"{name} ({child.returncode})")
            self.launch(name)

    def log(self, name: str) -> str:
        """The end of it."""
        return self.log_of(name)[-1500:]

    def log_of(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def logs(self) -> Mapping[str, str]:
        return {name: self.log(name) for name in self.children}

    def archive(self) -> Client:
        return clickhouse.connect(self.settings.clickhouse_url)

    def settled(self, seconds: float = 120.0) -> None:
        """Waits until every record is read, folded and archived, by what the groups have committed.

        Not by quiet: after a kill the dead member keeps its partitions for a session, and nothing
        of them moves.
        """
        deadline = time.monotonic() + seconds
        while not (behind := asyncio.run(look(self.settings))).caught_up:
            self.look_after()
            assert time.monotonic() < deadline, f"still {behind}; {self.logs()}"
            time.sleep(0.3)
