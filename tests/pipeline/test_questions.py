"""The ten questions of docs/questions.md, answered as a simulated day was meant to be answered.

The answers are computed here from the simulator's intention alone: no SQL, no event.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from streams.simulator.demonstration import plan
from streams.simulator.intention import ExpectedMessage, Intention
from tests.conftest import ClickHouse
from tests.pipeline.metric_model.rows import quantile
from tests.pipeline.simulated_archive import archive_simulation

pytestmark = pytest.mark.pipeline

PAGE = (Path(__file__).parents[2] / "docs/questions.md").read_text()
QUESTIONS = re.findall(r"## \d+\. (.*?)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime.now(UTC)

Rows = list[tuple[Any, ...]]


@cache
def intention() -> Intention:
    return simulation().intention


@cache
def simulation() -> Any:
    return plan(seed=5, until=NOW, webhooks=2_500)


@pytest.fixture(scope="module")
def analyst(embedded_clickhouse: ClickHouse) -> Client:
    """On the read-only address, in the database of the views, as `dmstream query` asks."""
    database = embedded_clickhouse.migrated()
    archive_simulation(embedded_clickhouse.connect(), database, simulation(), NOW)
    return clickhouse.connect(embedded_clickhouse.read_url, database=f"{database}_analytics")


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def messages() -> list[ExpectedMessage]:
    return list(intention().messages.values())


def per_day() -> Rows:
    counts: dict[tuple[Any, str], list[int]] = defaultdict(lambda: [0, 0])
    for message in messages():
        counts[at(message.sent_at).date(), message.profile_id][message.direction == "sent"] += 1
    return sorted((*key, *both) for key, both in counts.items())


def near_the_limit() -> Rows:
    rows = [
        (profile.profile_id, month, count, 100, count / 100)
        for profile in intention().profiles.values()
        for month, count in profile.active_conversations.items()
        if count >= 80 and month >= f"{NOW.replace(day=1) - timedelta(days=1):%Y-%m}"
    ]
    return sorted(rows, key=lambda row: (-row[4], row[0], row[1]))


def waiting() -> Rows:
    waits = [
        (c.conversation_id, at(c.waiting_since))
        for c in intention().conversations.values()
        if c.waiting_since is not None
    ]
    return sorted(waits, key=lambda row: (row[1], row[0]))


def closing() -> Rows:
    rows = []
    for c in intention().conversations.values():
        if c.waiting_since is None or c.platform != "instagram" or c.last_received_at is None:
            continue
        expires = at(c.last_received_at) + timedelta(days=7)
        if timedelta(0) < expires - NOW <= timedelta(days=1):
            rows.append((c.conversation_id, expires))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def first_waits() -> dict[str, tuple[str, str, float | None]]:
    """By conversation: profile, platform, seconds until the first answer or none."""
    told: dict[str, list[ExpectedMessage]] = defaultdict(list)
    for message in messages():
        told[message.conversation_id].append(message)
    found = {}
    for conversation, both in told.items():
        received = [m.sent_at for m in both if m.direction == "received"]
        if not received:
            continue
        replies = [m.sent_at for m in both if m.direction == "sent" and m.sent_at >= min(received)]
        seconds = (min(replies) - min(received)) / 1000 if replies else None
        found[conversation] = (both[0].profile_id, both[0].platform, seconds)
    return found


def first_answers() -> Rows:
    platforms = sorted({platform for _, platform, _ in first_waits().values()})
    rows: Rows = []
    for platform in platforms:
        waits = [s for _, p, s in first_waits().values() if p == platform]
        answered = sum(s is not None for s in waits)
        rows.append((platform, answered, quantile(waits, 0.5), quantile(waits, 0.9)))
    return rows


def answered() -> Rows:
    profiles: dict[str, list[bool]] = defaultdict(list)
    for profile, _, seconds in first_waits().values():
        profiles[profile].append(seconds is not None)
    return sorted((profile, sum(all_) / len(all_)) for profile, all_ in profiles.items())


def when() -> Rows:
    received = [at(m.sent_at) for m in messages() if m.direction == "received"]
    hours = Counter((moment.isoweekday(), moment.hour) for moment in received)
    # Hours in which only the profile wrote are there as well.
    for message in messages():
        moment = at(message.sent_at)
        hours[moment.isoweekday(), moment.hour] += 0
    return sorted((*hour, count) for hour, count in hours.items())


def read() -> Rows:
    rows: Rows = []
    for platform in sorted({m.platform for m in messages() if m.direction == "sent"}):
        sent = [m for m in messages() if m.platform == platform and m.direction == "sent"]
        seen = sum(m.read_at is not None for m in sent)
        rows.append((platform, len(sent), seen, seen / len(sent)))
    return rows


def reactions() -> Rows:
    counted = Counter(emoji for m in messages() for _, emoji in m.reactions)
    return sorted(counted.items(), key=lambda row: (-row[1], row[0].encode()))


ANSWERS: list[tuple[Callable[[], Rows] | None, int]] = [
    (per_day, 4), (near_the_limit, 5), (waiting, 2), (closing, 2), (first_answers, 4),
    (answered, 2), (when, 3), (read, 4), (reactions, 2), (None, 4),
]  # fmt: skip
"""The answer, and how many of the columns it tells (the others depend on the time of asking)."""


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == len(ANSWERS) == 10


@pytest.mark.parametrize("number", range(9), ids=[title for title, _ in QUESTIONS[:9]])
def test_each_question_is_answered_as_it_was_meant(number: int, analyst: Client) -> None:
    answer, columns = ANSWERS[number]
    assert answer is not None
    found = analyst.query(QUESTIONS[number][1], tz_mode="aware").result_rows
    expected = answer()
    assert expected, "the day must say something to every question"
    assert [plain(row[:columns]) for row in found] == [plain(row) for row in expected]


def test_nothing_is_missing(analyst: Client) -> None:
    rows = analyst.query(QUESTIONS[9][1]).result_rows
    assert rows
    assert all(missing == 0 for *_, missing in rows)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(cell, 6) if isinstance(cell, float) else cell for cell in row)
