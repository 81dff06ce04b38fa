"""Computed facts count once, whoever computes them, how often, and wherever it ends in between."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from sinks import facts, migrate
from tests.conftest import ClickHouse
from tests.pipeline.metric_histories import NOW, History
from tests.pipeline.metric_model import MODELS
from tests.pipeline.metric_model.profile import Profile
from tests.pipeline.test_metrics_are_exact import as_set, put, rows_of

pytestmark = pytest.mark.pipeline


@pytest.fixture
def database(embedded_clickhouse: ClickHouse) -> str:
    return embedded_clickhouse.migrated()


class Archive:
    """Some histories in an archive, and what each view must say of them."""

    def __init__(self, client: Client, database: str, seed: int) -> None:
        self.client, self.database = client, database
        self.histories = [History(seed * 1000 + number) for number in range(20)]

    def take(self, part: slice = slice(None)) -> None:
        put(
            self.client,
            self.database,
            [event for history in self.histories for event in history.events[part]],
        )

    def is_exact(self, views: Any = MODELS) -> None:
        profiles = [Profile(h.profile, h.events, NOW) for h in self.histories]
        for view in views:
            found = rows_of(
                self.client, self.database, view, [p.name for p in profiles], nulls=False
            )
            expected = [row for profile in profiles for row in MODELS[view](profile)]
            assert as_set(found) == as_set(expected), view


def versions_with_rows(client: Client, database: str) -> int:
    return int(str(client.command(f"SELECT uniqExact(version) FROM {database}.fact_heads")))


def step_by_step(client: Client, database: str) -> tuple[Callable[[], None], ...]:
    """A computing of what is touched now, as its four steps."""
    parts = [
        name
        for (name,) in client.query(
            "SELECT name FROM system.parts WHERE active AND table = 'touched'"
            " AND database = {database:String}",
            parameters={"database": database},
        ).result_rows
    ]
    values = {
        "parts": parts, "is_first": True, "after_profile": "", "after": "",
        "last_profile": "\U0010ffff", "last": "", "batch": uuid.uuid4().hex,
    }  # fmt: skip
    return (
        lambda: facts._begin(client, database, values),
        lambda: facts._compute(client, database, values),
        lambda: facts._show(client, database, values),
        lambda: [facts._drop(client, database, part) for part in parts] and None,
    )


def test_a_computing_that_ended_in_between_changes_no_number(client: Client, database: str) -> None:
    archive = Archive(client, database, 1)
    archive.take()
    begin, compute, show, _ = step_by_step(client, database)
    begin()
    archive.is_exact()
    compute()
    archive.is_exact()
    show()
    archive.is_exact()
    # Nobody dropped what was touched: it is done again, and what was left behind is dead.
    facts.refresh(client, database=database)
    assert facts.waiting(client, database=database) == 0
    archive.is_exact()


@pytest.mark.parametrize("first_shown", [0, 1])
def test_of_two_that_compute_the_same_at_once_one_counts(
    first_shown: int, client: Client, database: str
) -> None:
    archive = Archive(client, database, 2)
    archive.take()
    both = [step_by_step(client, database) for _ in range(2)]
    for begin, *_ in both:
        begin()
    # What began first reads the events last.
    for _, compute, *_ in reversed(both):
        compute()
    # The one that is first ready drops what was touched while the other has shown nothing yet.
    order = [both[first_shown], both[1 - first_shown]]
    for *_, show, drop in order:
        show()
        drop()
        assert facts.waiting(client, database=database) == 0
        archive.is_exact()


def test_one_that_is_overtaken_by_a_whole_round_counts_no_more(
    client: Client, database: str
) -> None:
    archive = Archive(client, database, 3)
    archive.take(slice(0, None, 2))
    begin, compute, show, drop = step_by_step(client, database)
    begin()
    compute()
    archive.take(slice(1, None, 2))
    facts.refresh(client, database=database)
    show()
    drop()
    archive.is_exact()


def test_rows_of_dead_versions_are_tidied_away_and_no_number_changes(
    client: Client, database: str
) -> None:
    archive = Archive(client, database, 4)
    for part in (slice(0, None, 2), slice(1, None, 2), slice(None)):
        archive.take(part)
        facts.refresh(client, database=database)
    before = versions_with_rows(client, database)

    assert facts.tidy(client, database=database) == 0
    assert facts.tidy(client, database=database, above=0) == 0  # too young to be sure
    gone = facts.tidy(client, database=database, above=0, safe_after_seconds=-1)

    assert gone > 0
    assert versions_with_rows(client, database) == before - gone
    assert int(str(client.command(f"SELECT count() FROM {database}.fact_states"))) == 0
    archive.is_exact()
    archive.take(slice(0, None, 3))
    facts.refresh(client, database=database)
    archive.is_exact()


def test_an_archive_of_before_is_filled_by_the_migration(client: Client) -> None:
    """Facts that were computed as arrays, some that were not, and no event twice or lost."""
    database = f"t{uuid.uuid4().hex[:10]}"
    defaults = migrate.business_defaults(monthly_limit=100, month_zone="UTC")
    before = [m for m in migrate.migrations() if m.name < "0017"]
    migrate.apply(client, database=database, defaults=defaults, files=before)
    archive = Archive(client, database, 5)
    archive.take(slice(0, None, 2))
    names = ", ".join(
        name
        for (name,) in client.query(
            f"SELECT name FROM system.columns WHERE database = '{database}'"
            " AND table = 'conversation_facts'"
        ).result_rows
    )
    client.command(
        f"INSERT INTO {database}.conversation_facts ({names})"
        f" SELECT {names} FROM {database}.computed_facts"
    )
    client.command(f"TRUNCATE TABLE {database}.touched")
    archive.take(slice(1, None, 2))
    untouched = int(str(client.command(f"SELECT count() FROM {database}.events FINAL")))
    waiting = facts.waiting(client, database=database)

    applied = migrate.apply(client, database=database, defaults=defaults)

    assert applied[:3] == ["0017_flat_facts", "0018_fast_metrics", "0019_finer_events"]
    assert int(str(client.command(f"SELECT count() FROM {database}.events FINAL"))) == untouched
    assert versions_with_rows(client, database) > 0
    # More than before: what was told just then is computed once more (0020).
    assert facts.waiting(client, database=database) >= waiting
    archive.is_exact()
    facts.refresh(client, database=database)
    archive.is_exact()
    # Inserts still touch, in the table that took the place of the other.
    archive.take(slice(0, None, 5))
    assert facts.waiting(client, database=database) > 0
    archive.is_exact()
