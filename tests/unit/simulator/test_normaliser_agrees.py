"""The normaliser reads out of the bodies what the simulator meant: two readings of one contract.

Bodies and expectations were written from the platforms' documents without looking at the
normaliser, so that a shared mistake is unlikely.
"""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

import pytest

from schemas.events import Event
from schemas.failures import Failure
from schemas.webhooks import normalise
from streams.simulator.compare import (
    compare_active,
    compare_conversations,
    compare_events,
    compare_failures,
    compare_messages,
)
from streams.simulator.simulation import APP_ID, Simulation, simulate
from tests.unit.simulator.days import parameters
from tests.unit.simulator.reading import rows_of

RECEIVED = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)

SEEDS = (1, 2, 3)


@cache
def day(seed: int) -> Simulation:
    return simulate(parameters(seed=seed, webhooks=4_000, broken=0.01))


@cache
def read(seed: int) -> tuple[list[Event], list[tuple[str, Failure]]]:
    """All events and failures of what the gateway would accept, as often as they come."""
    events: list[Event] = []
    failures: list[tuple[str, Failure]] = []
    for delivery in day(seed).deliveries():
        if delivery.expected_status != 200:
            continue
        got = normalise(delivery.provider, delivery.body, RECEIVED, own_app_ids=frozenset({APP_ID}))
        events += got.events
        digest = sha256(delivery.body).hexdigest()
        failures += [(digest, failure) for failure in got.failures]
    return events, failures


@pytest.mark.parametrize("seed", SEEDS)
def test_each_happening_is_one_event_with_the_id_that_its_happening_gives(seed: int) -> None:
    """Invariant 3."""
    distinct = {
        (event.type.removeprefix("dm.").removesuffix(".v1"), event.id) for event in read(seed)[0]
    }
    assert compare_events(day(seed).intention, sorted(distinct)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_messages_come_out_as_they_were_meant(seed: int) -> None:
    rows = rows_of(read(seed)[0])
    assert compare_messages(day(seed).intention, rows.messages) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_conversations_come_out_as_they_were_meant(seed: int) -> None:
    rows = rows_of(read(seed)[0])
    assert compare_conversations(day(seed).intention, rows.conversations) == []
    counts: dict[tuple[str, str], int] = {}
    for row in rows.conversations:
        for month in row["active_months"]:
            counts[row["profile_id"], month] = counts.get((row["profile_id"], month), 0) + 1
    assert compare_active(day(seed).intention, counts) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_body_of_a_wrong_shape_is_one_failure(seed: int) -> None:
    """Invariant 2."""
    told = [(digest, failure.reason) for digest, failure in read(seed)[1]]
    assert len(told) > 3
    assert compare_failures(day(seed).intention, told) == []
