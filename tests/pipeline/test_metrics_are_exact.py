"""Every metric equals a plain Python model of its definition, on any history, in any order, with
copies, late events, edits and deletions; whether its facts were computed before or not."""

import asyncio
import math
import random
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.envelope import Envelope
from sinks import facts
from sinks.archive import Archive, LogRecord
from tests.pipeline.metric_histories import History
from tests.pipeline.metric_model import MODELS, NOT_COMPARED
from tests.pipeline.metric_model.profile import Profile

pytestmark = pytest.mark.pipeline

HISTORIES_AT_ONCE = 30


def put(client: Client, database: str, told: list[Envelope]) -> None:
    """On a log of its own, as after a restart: copies may be anywhere."""
    archive = Archive(client, log=uuid.uuid4().hex, topic="dm.events.v1", database=database)
    records = [
        LogRecord(0, offset, 1_700_000_000_000, b"k", event.to_json(), ())
        for offset, event in enumerate(told)
    ]
    asyncio.run(archive.write(records))


def rows_of(client: Client, database: str, view: str, profiles: list[str], *, nulls: bool) -> Any:
    left_out = ", ".join(NOT_COMPARED.get(view, ()))
    columns = f"* EXCEPT ({left_out})" if left_out else "*"
    return client.query(
        f"SELECT {columns} FROM {database}_analytics.{view}"
        " WHERE profile_id IN {profiles:Array(String)}",
        parameters={"profiles": profiles},
        settings={"join_use_nulls": int(nulls)},
        tz_mode="aware",
    ).result_rows


def plain(value: Any) -> Any:
    if isinstance(value, bool | int):
        return float(value)
    return round(value, 6) if isinstance(value, float) and math.isfinite(value) else value


def as_set(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr(tuple(map(plain, row))) for row in rows)


@settings(
    max_examples=8,
    deadline=None,
    # A smaller seed is no smaller history.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**9),
    nulls=st.booleans(),
    computed=st.sampled_from(["never", "half", "again"]),
)
def test_each_metric_equals_its_definition_in_python(
    seed: int, nulls: bool, computed: str, client: Client, database: str
) -> None:
    histories = [History(seed * 1000 + number) for number in range(HISTORIES_AT_ONCE)]
    told = [event for history in histories for event in history.events]
    random.Random(seed).shuffle(told)
    middle = len(told) // 2
    put(client, database, told[:middle])
    if computed != "never":
        facts.refresh(client, database=database)
    put(client, database, told[middle:])
    if computed == "again":
        facts.refresh(client, database=database)
        assert facts.waiting(client, database=database) == 0
    is_exact(client, database, histories, nulls=nulls)


class Lives(History):
    """Of a profile that is deleted and registered again and again."""

    def __init__(self, seed: int) -> None:
        super().__init__(10**13 + seed)  # no profile of the search above is named so

    def endings(self) -> list[Envelope]:
        makers = (self.deletion, self.registration, self.limit)
        return [self.chance.choice(makers)() for _ in range(9)]


def test_each_metric_goes_by_the_settings_of_the_life_that_counts(
    client: Client, database: str
) -> None:
    histories: list[History] = [Lives(number) for number in range(HISTORIES_AT_ONCE)]
    put(client, database, [event for history in histories for event in history.events])
    is_exact(client, database, histories, nulls=False)


def is_exact(client: Client, database: str, histories: list[History], *, nulls: bool) -> None:
    now = datetime.now(UTC)
    profiles = [Profile(history.profile, history.events, now) for history in histories]
    for view, model in MODELS.items():
        found = rows_of(client, database, view, [p.name for p in profiles], nulls=nulls)
        expected = [row for profile in profiles for row in model(profile)]
        assert as_set(found) == as_set(expected), view
