"""The whole pipeline as real processes, for tests: start, kill, wait, read, stop."""

import asyncio
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
    more: dict[str, str] = field(default_factory=dict)
    """Environment of this pipeline, over all else."""

    def start(self, name: str, *module: str) -> None:
        """`gateway`, `conversations`, `history` or `delivery`; returns when it is ready.

        `module`: what to run in its place, with arguments.
        """
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        command = ["gateway"] if name == "gateway" else ["worker", name]
        self.children[name] = processes.start(
            [sys.executable, "-m", *(module or ("streams.cli", *command))],
            log_file=self.folder / f"{name}.log",
            environment={**self.environment(), "DM_READY_FILE": str(ready)},
        )
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

    def stop(self) -> dict[str, int]:
        """Stops all; the exit status by name."""
        children, self.children = self.children, {}
        return {name: processes.stop(child, grace_seconds=10) for name, child in children.items()}

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        # Thrice: other work may have the machine, and what stands still does so after a minute too.
        deadline = time.monotonic() + 3 * seconds
        while not done():
            for name, child in self.children.items():
                assert child.poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s; {self.logs()}"
            time.sleep(0.05)

    def log(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-1500:] if file.exists() else ""

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
            for name, child in self.children.items():
                assert child.poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"still {behind}; {self.logs()}"
            time.sleep(0.3)
