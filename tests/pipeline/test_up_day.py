"""`dmstream up` with the demonstration day: what it says, what it leaves, and a second start."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, get_args

import httpx
import pytest

from streams.conversation.can_reply import Reason
from tests.pipeline.upping import (
    SERVING,
    Place,
    nobody_is_left,
    running,
    secrets_of,
)

pytestmark = pytest.mark.pipeline

_SENDS = "SELECT outcome, reason, origin, count() FROM dm_analytics.sends GROUP BY ALL"
_RECEIPTS = """
    SELECT origin, count(), countIf(delivered_at IS NOT NULL), countIf(read_at IS NOT NULL)
    FROM dm_analytics.messages
    WHERE command_id != '' AND platform = 'facebook' GROUP BY origin
"""


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
    """What it gives to who has the key, while it served."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    place = Place(tmp_path_factory.mktemp("up") / "data")
    with running(place, "--demo") as up:
        up.wait_for(SERVING)
        counts = place.counts()
        sends = place.ask(_SENDS)
        receipts = place.ask(_RECEIPTS)
        page = httpx.get(
            f"http://127.0.0.1:{place.ports[5]}/dashboard",
            headers={"authorization": f"Bearer {secrets_of(place)['API_KEY']}"},
            follow_redirects=True,
        ).text
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
    """Through the real webhook route. Nine of ten messages are read, by chance: of all of them
    together most are, of an origin's four all, or two."""
    for _, sent, delivered, read in day.receipts:
        assert sent >= delivered > 0
        assert sent >= read
    assert sum(row[3] for row in day.receipts) > sum(row[1] for row in day.receipts) / 2


def test_the_addresses_are_told(day: Day) -> None:
    for port in day.place.ports:
        assert f":{port}" in day.said
    assert "dmstream query" in day.said
    assert "curl" in day.said


def test_the_dashboard_is_served(day: Day) -> None:
    assert f"http://127.0.0.1:{day.place.ports[5]}/dashboard" in day.said
    assert "<html" in day.dashboard
    assert 'type="password"' not in day.dashboard, "who has the key is let in"


def test_no_secret_is_shown_but_the_key_of_this_machine_on_its_screen(day: Day) -> None:
    """Invariant 11."""
    secrets = secrets_of(day.place)
    logs = "".join(log.read_text(errors="replace") for log in (day.place.folder / "logs").iterdir())
    assert len(secrets) == 5
    assert secrets["API_KEY"] in day.said
    assert not any(secret in logs for secret in secrets.values())
    del secrets["API_KEY"]
    assert not any(secret in day.said for secret in secrets.values())


def test_ctrl_c_stops_in_order_within_ten_seconds(day: Day) -> None:
    assert day.status == 0
    assert day.stop_seconds < 15, "9 s of grace, and what a busy machine takes beside"
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
