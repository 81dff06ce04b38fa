"""`dmstream up` as a person runs it, and what they see: for the tests of its ends."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
import psutil

from streams.local.processes import free_port, is_listening

SERVING = "Ctrl-C stops"
START_SECONDS = 180
"""Generous: it also bounds a machine that does other things. What it takes is printed by `up`."""


@dataclass
class Place:
    """A data folder with ports of its own."""

    folder: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        kafka, clickhouse, read_only, gateway, sandbox, dashboard = (free_port() for _ in range(6))
        self.environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith("DM_")},
            "DM_DATA_DIR": str(self.folder),
            "DM_KAFKA": f"127.0.0.1:{kafka}",
            "DM_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse}",
            "DM_CLICKHOUSE_READ_ONLY_URL": f"http://127.0.0.1:{read_only}",
            "DM_PORT": str(gateway),
            "DM_SANDBOX_PORT": str(sandbox),
            "DM_DASHBOARD_PORT": str(dashboard),
            "COLUMNS": "160",
        }

    @property
    def ports(self) -> list[int]:
        names = (
            "DM_KAFKA", "DM_CLICKHOUSE_URL", "DM_CLICKHOUSE_READ_ONLY_URL", "DM_PORT",
            "DM_SANDBOX_PORT", "DM_DASHBOARD_PORT",
        )  # fmt: skip
        return [int(self.environment[name].rpartition(":")[2]) for name in names]

    def everyone(self) -> list[psutil.Process]:
        """Every process of this pipeline, grandchildren and orphans too: told by its folder."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("DM_DATA_DIR") == str(self.folder)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def child(self, *words: str) -> psutil.Process:
        (found,) = [
            process
            for process in self.everyone()
            if all(word in process.cmdline() for word in words)
        ]
        return found

    def counts(self) -> dict[str, int]:
        """What analysts see, over the read-only port: how many, and a digest of each message."""
        questions = {
            view: f"SELECT count() FROM dm_analytics.{view}"
            for view in ("messages", "conversations", "sends", "failed_events")
        }
        for view in ("messages", "sends"):
            questions[f"digest of {view}"] = (
                f"SELECT sum(cityHash64(toString(tuple(*)))) FROM dm_analytics.{view}"
            )
        return {name: int(self.ask(sql)[0][0]) for name, sql in questions.items()}

    def ask(self, sql: str) -> list[Any]:
        """Over the read-only port."""
        client = clickhouse_connect.get_client(port=self.ports[2])
        try:
            return list(client.query(sql).result_rows)
        finally:
            client.close()

    def dmstream(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Typed in another terminal."""
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass
class Up:
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> None:
        wait_until(
            lambda: words in self.said or self.process.poll() is not None,
            seconds,
            lambda: f"never said {words!r}; it said:\n{self.said}",
        )
        assert words in self.said, self.said


def wait_until(
    holds: Callable[[], bool], seconds: float, otherwise: Callable[[], str] = lambda: "never"
) -> None:
    deadline = time.monotonic() + 3 * seconds  # a machine that does other things as well
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


@contextmanager
def running(place: Place, *options: str) -> Iterator[Up]:
    """`dmstream up` in a process group of its own, as a terminal starts it."""
    log = place.folder.parent / f"{place.folder.name}-{time.monotonic_ns()}.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "up", *options],
            env=place.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    try:
        yield Up(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def nobody_is_left(place: Place, seconds: float) -> None:
    """Nor does anything listen: a process that is ending has no name any more, but its sockets."""
    wait_until(
        lambda: not place.everyone() and not any(map(is_listening, place.ports)),
        seconds,
        lambda: f"left: {place.everyone()}, {[p for p in place.ports if is_listening(p)]}",
    )


def secrets_of(place: Place) -> dict[str, str]:
    text = (place.folder / "secrets.env").read_text()
    return dict(re.findall(r"^DM_(\w+)=(.+)$", text, re.MULTILINE))
