"""`dmstream up` as a person runs it: real processes, real ports, real ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
import httpx
import psutil
import pytest

from streams.local.processes import free_port, is_listening

pytestmark = pytest.mark.pipeline

SERVING = "Ctrl-C stops"
START_SECONDS = 180
"""Generous: it also bounds a machine that does other things. What it takes is printed by `up`."""


@dataclass
class Place:
    """A data folder with ports of its own."""

    folder: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        kafka, clickhouse, read_only, gateway = (free_port() for _ in range(4))
        self.environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith("DM_")},
            "DM_DATA_DIR": str(self.folder),
            "DM_KAFKA": f"127.0.0.1:{kafka}",
            "DM_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse}",
            "DM_CLICKHOUSE_READ_ONLY_URL": f"http://127.0.0.1:{read_only}",
            "DM_PORT": str(gateway),
            "COLUMNS": "160",
        }

    @property
    def ports(self) -> list[int]:
        names = ("DM_KAFKA", "DM_CLICKHOUSE_URL", "DM_CLICKHOUSE_READ_ONLY_URL", "DM_PORT")
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
        client = clickhouse_connect.get_client(port=self.ports[2])
        questions = {
            view: f"SELECT count() FROM dm_analytics.{view}"
            for view in ("messages", "conversations", "failed_events")
        }
        questions["digest"] = (
            "SELECT sum(cityHash64(toString(tuple(*)))) FROM dm_analytics.messages"
        )
        try:
            return {
                name: int(client.query(sql).result_rows[0][0]) for name, sql in questions.items()
            }
        finally:
            client.close()


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
    deadline = time.monotonic() + seconds
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


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


@dataclass
class Day:
    """A first start with the demonstration, stopped by Ctrl-C; what came of it."""

    place: Place
    said: str
    counts: dict[str, int]
    status: int
    stop_seconds: float


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    place = Place(tmp_path_factory.mktemp("up") / "data")
    with running(place, "--demo") as up:
        up.wait_for(SERVING)
        counts = place.counts()
        began = time.monotonic()
        os.killpg(up.process.pid, signal.SIGINT)  # as a terminal does: the whole group
        status = up.process.wait(20)
        seconds = time.monotonic() - began
        nobody_is_left(place, 1)
        return Day(place, up.said, counts, status, seconds)


def test_the_demonstration_day_ends_in_a_table_of_metrics(day: Day) -> None:
    for heading in ("Messages", "Active conversations", "Waiting for a reply", "First response"):
        assert heading in day.said
    assert day.counts["messages"] > 1_000
    assert day.counts["conversations"] > 100


def test_the_addresses_are_told(day: Day) -> None:
    for port in day.place.ports:
        assert f":{port}" in day.said
    assert "dmstream query" in day.said
    assert "curl" in day.said


def test_no_secret_is_shown_but_the_key_of_this_machine_on_its_screen(day: Day) -> None:
    """Invariant 11."""
    secrets = secrets_of(day.place)
    logs = "".join(log.read_text(errors="replace") for log in (day.place.folder / "logs").iterdir())
    assert len(secrets) == 5
    assert secrets["API_KEY"] in day.said
    assert not any(secret in logs for secret in secrets.values())
    del secrets["API_KEY"]
    assert not any(secret in day.said for secret in secrets.values())


def secrets_of(place: Place) -> dict[str, str]:
    text = (place.folder / "secrets.env").read_text()
    return dict(re.findall(r"^DM_(\w+)=(.+)$", text, re.MULTILINE))


def test_ctrl_c_stops_in_order_within_ten_seconds(day: Day) -> None:
    assert day.status == 0
    assert day.stop_seconds < 10
    assert "killed" not in day.said
    assert "forgets them" not in day.said


def test_a_second_start_has_the_history_of_the_first_and_nothing_doubles(day: Day) -> None:
    """Invariant 4, invariant 10: the broker forgot, the archive did not."""
    with running(day.place) as up:
        up.wait_for(SERVING)
        assert "restored" in up.said
        assert day.place.counts() == day.counts
        profiles = httpx.get(
            f"http://127.0.0.1:{day.place.ports[3]}/profiles",
            headers={"authorization": f"Bearer {secrets_of(day.place)['API_KEY']}"},
        )
        assert profiles.status_code == 200, "the key of the first start holds"
        assert profiles.json()["count"] >= 10
        doctor = subprocess.run(
            [sys.executable, "-m", "streams.cli", "doctor"],
            env=day.place.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(15) == 0
    nobody_is_left(day.place, 1)


def test_a_start_killed_while_it_restores_loses_and_doubles_nothing(day: Day) -> None:
    """Three starts killed: as the restore begins, as it ends, as its records come to the archive
    again. Then one that is let be.
    """
    for moment in ("tables and topics", "restored", "history worker"):
        with running(day.place) as up:
            up.wait_for(moment)
            up.process.kill()
            up.process.wait()
        nobody_is_left(day.place, 5)
    with running(day.place) as up:
        up.wait_for(SERVING)
        assert day.place.counts() == day.counts


def test_exit_ends_with_zero_after_the_table(place: Place) -> None:
    with running(place, "--demo", "--exit") as up:
        assert up.process.wait(START_SECONDS) == 0, up.said
        assert "Messages" in up.said
        assert SERVING not in up.said
    nobody_is_left(place, 1)


def test_the_example_that_is_shown_brings_a_message_to_the_analysts(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        _, _, after = up.said.partition("Send a webhook of your own:")
        example, _, _ = after.partition("Serving.")
        sent = subprocess.run(["bash", "-c", example], capture_output=True, text=True, check=False)
        assert "HTTP/1.1 200" in sent.stdout, sent.stdout + sent.stderr
        wait_until(lambda: place.counts()["messages"] == 1, 15)


def test_a_killed_parent_leaves_nobody(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        assert len(place.everyone()) >= 6
        up.process.kill()
        up.process.wait()
        nobody_is_left(place, 5)


def test_a_fallen_worker_is_started_again_and_a_fallen_broker_ends_all(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        place.child("worker", "history").kill()
        up.wait_for("history worker ended (SIGKILL) and is started again")
        up.wait_for("history worker is ready again")
        place.child("broker").kill()
        assert up.process.wait(15) == 1
        assert "the broker ended (SIGKILL)" in up.said.splitlines()[-1]
    nobody_is_left(place, 1)


def test_a_second_interrupt_kills_at_once(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        up.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        began = time.monotonic()
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(5) == 130
        assert time.monotonic() - began < 2
    nobody_is_left(place, 2)


def test_an_interrupt_while_it_starts_is_heeded(place: Place) -> None:
    with running(place) as up:
        wait_until(lambda: len(place.everyone()) > 1, START_SECONDS)
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(10) == 130
    nobody_is_left(place, 1)


def test_a_folder_has_one_up(place: Place) -> None:
    with running(place) as first:
        wait_until(lambda: len(place.everyone()) > 1, START_SECONDS)
        with running(place) as second:
            assert second.process.wait(15) == 1
            (line,) = second.said.splitlines()
            assert f"in use by another `dmstream up` (process {first.process.pid})" in line


def test_a_taken_port_is_told_in_one_line(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", place.ports[3]))
        taken.listen()
        with running(place) as up:
            assert up.process.wait(15) == 1
            (line,) = up.said.splitlines()
            assert f"port {place.ports[3]}" in line
            assert "DM_PORT" in line
    nobody_is_left(place, 1)


def test_a_folder_that_can_not_be_written_is_told_in_one_line(place: Place) -> None:
    place.environment["DM_DATA_DIR"] = "/proc/data"
    with running(place) as up:
        assert up.process.wait(15) == 1
        (line,) = up.said.splitlines()
        assert "/proc/data can't be written" in line
        assert "DM_DATA_DIR" in line


def test_up_under_make_ends_with_make(place: Place) -> None:
    """`kill -9` of make alone: its signal reaches nobody else."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'streams.cli', 'up', "
    make = subprocess.Popen(
        [sys.executable, "-c", script + "'--end-with-parent'])"],
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        wait_until(lambda: len(place.everyone()) > 3, START_SECONDS)
    finally:
        make.kill()
        make.wait()
    nobody_is_left(place, 15)
