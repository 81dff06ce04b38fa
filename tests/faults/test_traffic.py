"""Traffic as platforms really send it: twice, late, in the wrong order, at the edges of time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.field import ALL, Field
from tests.pipeline import sandbox as boxes

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "traffic",
    [
        {"duplicates": 0.4, "late": 0.3},
        {"until": datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC), "duplicates": 0.2, "late": 0.2},
        {"until": datetime(2026, 11, 1, 0, 0, 20, tzinfo=UTC), "duplicates": 0.2, "late": 0.2},
        {"until": datetime(2024, 3, 1, 0, 0, 20, tzinfo=UTC)},
        {"until": NOW + timedelta(minutes=5)},
        {"until": NOW - timedelta(minutes=5)},
    ],
    ids=[
        "doubled-and-reordered", "over-the-year-s-edge", "over-the-month-s-edge", "leap-day",
        "clocks-ahead", "clocks-behind",
    ],
)  # fmt: skip
def test_traffic_of_every_kind_is_counted_once_in_the_month_it_happened(
    field: Field, traffic: dict[str, Any]
) -> None:
    """However it comes, each message is there once, months are those of the event's time, and the
    state is the fold of the log."""
    field.feed(field.deliveries(120, **traffic))
    field.answer(4)
    field.drain()
    field.assert_clean()


def test_a_secret_that_is_rotated_under_traffic_costs_no_webhook(field: Field) -> None:
    """First both secrets are known, then the platforms sign with the new one, then the old one is
    forgotten: right webhooks are taken all the time, and the old secret is refused at last."""
    running, old = field.running, dict(boxes.SECRETS)
    new = {name: f"{value}-of-tomorrow" for name, value in old.items()}
    stages = [
        ({name: f"{old[name]},{new[name]}" for name in old}, old),
        ({name: f"{old[name]},{new[name]}" for name in old}, new),
        (new, new),
    ]
    before = dict(running.more)
    try:
        for known, signing in stages:
            feeding = field.feeding(60, 30, secrets=signing)
            running.more.update(known)
            running.kill("gateway")
            running.start("gateway")
            feeding.result()
        field.feed(field.refused_by_signature(10), secrets=old)
    finally:
        running.more.update(before)
        running.kill("gateway")
        running.start("gateway")
    field.drain()
    field.assert_clean()


@pytest.mark.parametrize("seconds", [150, -150], ids=["ahead", "behind"])
def test_processes_whose_clocks_differ_lose_and_double_nothing_and_send_in_time(
    field: Field, seconds: int
) -> None:
    """The gateway's clock is wrong one way and the workers' the other way: five minutes apart, and
    the platforms' clocks between them. Months and windows are those of the events' own times."""
    running = field.running
    commands = {"gateway": ["gateway"], **{name: ["worker", name] for name in ALL}}
    try:
        for name, command in commands.items():
            wrong = seconds if name == "gateway" else -seconds
            running.kill(name)
            running.start(name, "tests.faults.skewed", str(wrong), *command)
        feeding = field.feeding(120, 20)
        field.wait_for_people()
        field.answer(8)
        feeding.result()
        field.answer(8)
        field.drain()
        field.assert_clean()
    finally:
        for name in commands:
            running.kill(name)
            running.start(name)
