"""What the views say of the archive itself equals loops over the rows it was given: in any order,
with repetitions and holes. And no view is without such a test."""

import random
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.metric_model import MODELS

pytestmark = pytest.mark.pipeline

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)

ELSEWHERE = {
    "messages": "test_views.py",
    "conversations": "test_views.py",
    "can_reply": "test_can_reply_in_sql.py",
    "erasures": "test_erasure.py",
    "webhook_deliveries": "test_webhooks_api.py",
    "metric_definitions": "test_tools.py",
}
HERE = ("completeness", "completeness_daily", "failed_events", "failed_events_daily")


def test_no_view_is_without_a_test_of_its_numbers(client: Client, database: str) -> None:
    views = {
        name
        for (name,) in client.query(
            f"SELECT name FROM system.tables WHERE database = '{database}_analytics'"
        ).result_rows
    }
    assert views == {*MODELS, *ELSEWHERE, *HERE}
    for view, file in ELSEWHERE.items():
        assert view in (Path(__file__).parent / file).read_text(), f"{file} tells nothing of {view}"


class Log:
    """Random records of a few partitions, with holes and repetitions, over some days."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.name = uuid.uuid4().hex
        self.rows: list[tuple[Any, ...]] = []
        for partition in range(chance.randrange(1, 3)):
            at, offset = MIDNIGHT, chance.randrange(5)
            for _ in range(chance.randrange(1, 30)):
                # Time goes on with the offsets, mostly: clocks of brokers differ.
                at += timedelta(hours=chance.choice((0, 1, 5, 30, -2)))
                kind = chance.choice(("dm.message.received.v1", "unreadable"))
                self.rows.append((self.name, "dm.events.v1", partition, offset, kind, at))
                offset += chance.choice((1, 1, 1, 2, 6))
        self.told = self.rows + chance.choices(self.rows, k=len(self.rows) // 3)
        chance.shuffle(self.told)

    def partitions(self) -> dict[int, list[tuple[Any, ...]]]:
        found = defaultdict(list)
        for row in self.rows:
            found[row[2]].append(row)
        return found


def missing_by_day(rows: list[tuple[Any, ...]]) -> dict[Any, int]:
    """Of each day: the holes from the end of all earlier days to its own last offset."""
    offsets, missing, seen_to = {row[3] for row in rows}, {}, None
    for day in sorted({row[5].date() for row in rows}):
        here = [row[3] for row in rows if row[5].date() == day]
        begin = min(here) if seen_to is None else seen_to + 1
        missing[day] = sum(offset not in offsets for offset in range(begin, max(here) + 1))
        seen_to = max(here) if seen_to is None else max(seen_to, *here)
    return missing


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 10**9))
def test_completeness_of_partitions_and_days(seed: int, client: Client, database: str) -> None:
    log = Log(seed)
    names = ["_log", "_topic", "_partition", "_offset", "type", "logged_at"]
    cut = len(log.told) // 2
    for part in (log.told[:cut], log.told[cut:]):
        if part:
            client.insert(f"{database}.event_log", part, names)

    found = client.query(
        "SELECT partition, first_offset, last_offset, record_count, missing_count,"
        " unreadable_count, last_logged_at"
        f" FROM {database}_analytics.completeness WHERE log = {{log:String}}",
        parameters={"log": log.name},
        tz_mode="aware",
    ).result_rows
    assert sorted(found) == [
        (
            partition, min(offsets), max(offsets), len(offsets),
            max(offsets) + 1 - min(offsets) - len(offsets),
            sum(row[4] == "unreadable" for row in rows), max(row[5] for row in rows),
        )
        for partition, rows in sorted(log.partitions().items())
        for offsets in [{row[3] for row in rows}]
    ]  # fmt: skip

    daily = client.query(
        "SELECT partition, day, first_offset, last_offset, record_count, missing_count"
        f" FROM {database}_analytics.completeness_daily WHERE log = {{log:String}}",
        parameters={"log": log.name},
    ).result_rows
    expected = []
    for partition, rows in log.partitions().items():
        for day, missing in missing_by_day(rows).items():
            here = {row[3] for row in rows if row[5].date() == day}
            expected.append((partition, day, min(here), max(here), len(here), missing))
    assert sorted(daily) == sorted(expected)


@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 10**9))
def test_failures_are_told_once(seed: int, client: Client, database: str) -> None:
    chance = random.Random(seed)
    # Stages of its own, as the view of days does not tell logs apart.
    log, stage = uuid.uuid4().hex, uuid.uuid4().hex
    rows = [
        (
            log, "dm.failures.v1", 0, offset, f"{log} {chance.randrange(6)}", stage,
            chance.choice(("bad_value", "unreadable")),
            MIDNIGHT + timedelta(hours=chance.randrange(60)),
            MIDNIGHT + timedelta(seconds=offset),
        )
        for offset in range(chance.randrange(1, 15))
    ]  # fmt: skip
    names = ["_log", "_topic", "_partition", "_offset", "failure_id", "stage", "reason",
             "failed_at", "logged_at"]  # fmt: skip
    again = rows + chance.choices(rows, k=3)
    chance.shuffle(again)
    client.insert(f"{database}.failure_log", again, names)

    firsts: dict[str, tuple[Any, ...]] = {}
    for row in reversed(rows):
        firsts[row[4]] = row
    found = client.query(
        "SELECT failure_id, reason, failed_at, told_count, failure_offset"
        f" FROM {database}_analytics.failed_events WHERE stage = {{stage:String}}",
        parameters={"stage": stage},
        tz_mode="aware",
    ).result_rows
    assert sorted(found) == sorted(
        (name, row[6], row[7], sum(other[4] == name for other in rows), row[3])
        for name, row in firsts.items()
    )
    daily = client.query(
        f"SELECT day, reason, failure_count FROM {database}_analytics.failed_events_daily"
        " WHERE stage = {stage:String}",
        parameters={"stage": stage},
    ).result_rows
    counted: dict[Any, int] = defaultdict(int)
    for row in firsts.values():
        counted[row[7].date(), row[6]] += 1
    assert sorted(daily) == sorted((*key, count) for key, count in counted.items())
