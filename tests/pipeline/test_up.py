"""`dmstream up` as a person runs it: real processes, real ports, real ends."""

import json
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
from typing import Any, get_args

import clickhouse_connect
import httpx
import psutil
import pytest

from streams.conversation.can_reply import Reason
from streams.local.processes import free_port, is_listening

pytestmark = pytest.mark.pipeline

SERVING = "Ctrl-C stops"
START_SECONDS = 180
"""Generous: it also bounds a machine that does other things. What it takes is printed by `up`."""

_SENDS = "SELECT outcome, reason, origin, count() FROM dm_analytics.sends GROUP BY ALL"
_RECEIPTS = """
    SELECT origin, count(), countIf(delivered_at IS NOT NULL), countIf(read_at IS NOT NULL)
    FROM dm_analytics.messages
    WHERE command_id != '' AND platform = 'facebook' GROUP BY origin
"""


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
    sends: list[Any]
    """Outcome, reason, origin and number."""
    receipts: list[Any]
    """Messages by command of each origin: all, delivered, read."""
    status: int
    stop_seconds: float
    dashboard: str
    """Its page, while it served."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    place = Place(tmp_path_factory.mktemp("up") / "data")
    with running(place, "--demo") as up:
        up.wait_for(SERVING)
        counts = place.counts()
        sends = place.ask(_SENDS)
        receipts = place.ask(_RECEIPTS)
        page = httpx.get(f"http://127.0.0.1:{place.ports[5]}/dashboard", follow_redirects=True).text
        began = time.monotonic()
        os.killpg(up.process.pid, signal.SIGINT)  # as a terminal does: the whole group
        status = up.process.wait(20)
        seconds = time.monotonic() - began
        nobody_is_left(place, 1)
        return Day(place, up.said, counts, sends, receipts, status, seconds, page)


def test_the_demonstration_day_ends_in_a_table_of_metrics(day: Day) -> None:
    for heading in ("Messages", "Active conversations", "Waiting for a reply", "First response"):
        assert heading in day.said
    assert day.counts["messages"] > 1_000
    assert day.counts["conversations"] > 100


def test_the_demonstration_s_operator_runs_into_every_rule(day: Day) -> None:
    told = {(outcome, reason, origin): count for outcome, reason, origin, count in day.sends}
    assert told["sent", "", "api"] >= 20
    assert told["sent", "", "auto"] >= 10
    refused = {reason for outcome, reason, _ in told if outcome == "rejected"}
    assert refused >= set(get_args(Reason)) - {"auto_response_too_soon"}
    failed = {(outcome, reason) for outcome, reason, _ in told}
    assert failed >= {
        ("failed", "thread_control"),
        ("failed", "recipient_unavailable"),
        ("unknown", "maybe_delivered"),
    }
    assert not {outcome for outcome, _ in failed} & {"pending"}
    for heading in ("Sends", "Delivery of accepted sends", "not_initiated"):
        assert heading in day.said


def test_the_sandbox_s_people_receive_read_and_reply(day: Day) -> None:
    """Through the real webhook route."""
    for _, sent, delivered, read in day.receipts:
        assert sent >= delivered > 0
        assert sent >= read > sent / 2


def test_the_addresses_are_told(day: Day) -> None:
    for port in day.place.ports:
        assert f":{port}" in day.said
    assert "dmstream query" in day.said
    assert "curl" in day.said


def test_the_dashboard_is_served(day: Day) -> None:
    assert f"http://127.0.0.1:{day.place.ports[5]}/dashboard" in day.said
    assert "<html" in day.dashboard


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
        doctor = day.place.dmstream("doctor")
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


def write_to(place: Place, up: Up) -> None:
    """The example that is shown: somebody writes to `my-profile`."""
    _, _, after = up.said.partition("Send a webhook of your own:")
    example, _, _ = after.partition("Answer it:")
    sent = subprocess.run(["bash", "-c", example], capture_output=True, text=True, check=False)
    assert "HTTP/1.1 200" in sent.stdout, sent.stdout + sent.stderr
    wait_until(lambda: place.counts()["messages"] >= 1, 15)


def its_sends(place: Place) -> list[tuple[str, str, int]]:
    return place.ask(
        "SELECT outcome, reason, attempt_count FROM dm_analytics.sends"
        " WHERE profile_id = 'my-profile' ORDER BY accepted_at"
    )


def test_a_send_by_hand_is_answered_by_the_sandbox_and_one_that_waits_survives_a_restart(
    place: Place,
) -> None:
    """Invariant 6, invariant 8: after an orderly stop it goes on; after a kill it is unknown."""
    by_hand = ("send", "my-profile", "instagram:2:1", "--text")
    with running(place) as up:
        up.wait_for(SERVING)
        write_to(place, up)
        _, _, after = up.said.partition("Answer it:")
        assert f"dmstream {' '.join(by_hand)}" in after
        sent = place.dmstream(*by_hand, "Yes, in blue.")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        wait_until(lambda: its_sends(place) == [("sent", "", 1)], 15)
        refuse_next(place, wait=15)
        place.dmstream(*by_hand, "And in red.", "--wait", "2")
        wait_until(lambda: its_sends(place)[1:] == [("pending", "", 1)], 15)
        os.killpg(up.process.pid, signal.SIGINT)
        assert up.process.wait(20) == 0
    with running(place) as up:
        up.wait_for(SERVING)
        assert "1 accepted send goes on" in up.said
        wait_until(lambda: its_sends(place) == [("sent", "", 1), ("sent", "", 2)], 30)
        refuse_next(place, wait=120)
        place.dmstream(*by_hand, "And in green.", "--wait", "2")
        wait_until(lambda: its_sends(place)[2:] == [("pending", "", 1)], 15)
        up.process.kill()
        up.process.wait()
    nobody_is_left(place, 5)
    with running(place) as up:
        up.wait_for(SERVING)
        assert "1 accepted send had no outcome" in up.said
        assert its_sends(place)[2:] == [("unknown", "interrupted", 1)]
        kept = httpx.get(f"http://127.0.0.1:{place.ports[4]}/_sandbox/attempts").json()
        assert kept == []


def refuse_next(place: Place, wait: float) -> None:
    """The platform takes no message for so many seconds, and says so once."""
    url = f"http://127.0.0.1:{place.ports[4]}/_sandbox/faults"
    httpx.post(url, json={"kind": "rate_limited", "next": 1, "wait": wait}).raise_for_status()


def test_with_real_platforms_nothing_stands_in_and_no_made_up_credential_is_used(
    place: Place,
) -> None:
    place.environment |= {f"DM_{name}_URL": "https://127.0.0.1:9" for name in ("AYRSHARE", "X")}
    with running(place, "--real-platforms") as up:
        up.wait_for(SERVING)
        assert "sandbox" not in up.said
        assert not is_listening(place.ports[4])
        write_to(place, up)
        sent = place.dmstream("send", "my-profile", "instagram:2:1", "--text", "Yes, in blue.")
        assert "DM_CREDENTIAL_AYRSHARE" in sent.stdout
        assert its_reason(sent.stdout) == "token_invalid"


def its_reason(lines: str) -> str:
    return str(json.loads(lines.splitlines()[-1]).get("reason"))


def test_the_demonstration_is_never_sent_for_real(place: Place) -> None:
    with running(place, "--demo", "--real-platforms") as up:
        assert up.process.wait(15) == 1
        (line,) = up.said.splitlines()
        assert "leave out --demo, or --real-platforms" in line


def test_a_killed_parent_leaves_nobody(place: Place) -> None:
    with running(place) as up:
        up.wait_for(SERVING)
        assert len(place.everyone()) >= 8
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
