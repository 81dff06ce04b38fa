"""A simulation is a function of its parameters, and does what they say."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import Provider
from streams.simulator.delivery import Broken
from streams.simulator.happenings import Receipt
from streams.simulator.instants import to_ms
from streams.simulator.outcome import outcome
from streams.simulator.simulation import PROVIDERS, Simulation, simulate
from tests.unit.simulator.days import UNTIL, a_large_day, a_small_day, parameters

DIGEST_OF_A_DAY = """
from tests.unit.simulator.days import parameters
from tests.unit.simulator.test_simulation import digest
from streams.simulator.simulation import simulate
print(digest(simulate(parameters(webhooks=300))))
"""


def digest(simulation: Simulation) -> str:
    told = sha256()
    for delivery in simulation.deliveries():
        told.update(f"{delivery.provider} {delivery.nonce} {delivery.attempt} ".encode())
        told.update(delivery.body)
    for line in simulation.intention.lines():
        told.update(line)
    return told.hexdigest()


def test_the_same_parameters_give_the_same_bytes_in_any_process() -> None:
    """Also under another order of hashed sets, which is what most easily sneaks in."""
    here = digest(simulate(parameters(webhooks=300)))
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", DIGEST_OF_A_DAY],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


def test_another_seed_is_another_day() -> None:
    assert digest(simulate(parameters(seed=8))) != digest(simulate(parameters(seed=7)))


def test_another_day_of_the_same_profiles_tells_other_messages() -> None:
    first = simulate(parameters()).intention
    second = simulate(parameters(until=UNTIL + timedelta(milliseconds=1))).intention
    assert set(first.profiles) & set(second.profiles)
    assert not {key[1] for key in first.messages} & {key[1] for key in second.messages}


def test_bodies_are_the_same_each_time_they_are_made() -> None:
    day = a_small_day()
    assert [one.body for one in day.deliveries()] == [one.body for one in day.deliveries()]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    webhooks=st.integers(4, 300),  # of fewer such shares may leave none to tell anything first
    profiles=st.integers(1, 20),
    duplicates=st.floats(0, 0.5),
    late=st.floats(0, 1),
    broken=st.floats(0, 0.3),
    providers=st.sets(st.sampled_from(PROVIDERS), min_size=1).map(sorted).map(tuple),
)
def test_there_are_exactly_as_many_webhooks_as_asked_for(
    *,
    seed: int,
    webhooks: int,
    profiles: int,
    duplicates: float,
    late: float,
    broken: float,
    providers: tuple[Provider, ...],
) -> None:
    day = simulate(
        parameters(
            seed=seed,
            webhooks=webhooks,
            profiles=profiles,
            duplicates=duplicates,
            late=late,
            broken=broken,
            providers=providers,
        )
    )
    sent = list(day.deliveries())
    assert len(sent) == len(day) == webhooks
    assert {one.provider for one in sent} <= set(providers)
    assert Counter(one.expected_status for one in sent) == day.intention.header.answers
    spoilt = round(webhooks * broken)
    refused = sum(one.expected_status != 200 for one in sent)
    assert refused + len(day.intention.failures) == spoilt


def test_shares_of_duplicates_late_and_broken_are_as_asked_for() -> None:
    day = simulate(parameters(webhooks=4_000, duplicates=0.05, late=0.02, broken=0.01))
    planned = [one for one in day.schedule.planned if not isinstance(one.request, Broken)]
    assert sum(isinstance(one.request, Broken) for one in day.schedule.planned) == 40
    told = [
        (id(happening), one.at - happening.at)
        for one in planned
        for happening in one.request.happenings  # type: ignore[union-attr]
    ]
    delay: dict[int, int] = {}
    for happening, after in told:
        delay[happening] = min(delay.get(happening, after), after)
    hours_late = sum(after >= 3_600_000 for after in delay.values())
    assert 0.015 <= hours_late / len(planned) <= 0.035
    # 200 requests more tell what was told, most of them one happening.
    assert 180 <= len(told) - len(delay) <= 400
    assert len(planned) + 40 == 4_000


def test_duplicates_are_the_same_bytes_or_the_same_happening_told_otherwise() -> None:
    day = a_large_day()
    bodies = Counter(one.body for one in day.deliveries())
    assert sum(count > 1 for count in bodies.values()) > 100
    messages: dict[str, set[bytes]] = {}
    for planned in day.schedule.planned:
        if not isinstance(planned.request, Broken) and planned.request.route in {"aaa", "xaa"}:
            message_id = getattr(planned.request.happenings[0], "message_id", None)
            if message_id:
                messages.setdefault(message_id, set()).add(planned.request.route.encode())
    assert any(len(products) == 2 for products in messages.values())


def test_some_are_sent_out_of_their_order() -> None:
    day = a_large_day()
    ends = [
        one.request.happenings[-1].at
        for one in day.schedule.planned
        if not isinstance(one.request, Broken)
    ]
    backwards = sum(later < earlier for earlier, later in pairwise(ends))
    assert backwards > len(ends) * 0.02


def test_nothing_happens_after_the_end_and_most_of_it_in_its_last_day() -> None:
    until = to_ms(UNTIL)
    times = [message.sent_at for message in a_large_day().intention.messages.values()]
    assert max(times) <= until
    today = sum(at > until - 86_400_000 for at in times)
    assert 0.75 < today / len(times) < 0.98
    assert min(times) < until - 14 * 86_400_000


def test_days_have_busy_and_quiet_hours() -> None:
    of_one = simulate(parameters(profiles=1, webhooks=4_000)).intention.messages.values()
    hours = Counter(message.sent_at // 3_600_000 % 24 for message in of_one)
    by_size = sorted(hours[hour] for hour in range(24))
    assert sum(by_size[-6:]) > 6 * sum(by_size[:6])


def test_a_few_profiles_hold_half_of_the_messages() -> None:
    held = Counter(message.profile_id for message in a_large_day().intention.messages.values())
    assert len(held) == 12
    assert sum(count for _, count in held.most_common(3)) > 0.5 * held.total()


def test_texts_are_of_many_scripts_and_of_all_lengths() -> None:
    texts = [message.text for message in a_large_day().intention.messages.values() if message.text]
    assert any("\u0600" <= letter <= "\u06ff" for text in texts for letter in text)  # Arabic
    assert any("\u3040" <= letter <= "\u30ff" for text in texts for letter in text)  # Japanese
    assert any("\u200d" in text for text in texts)  # an emoji of several joined ones
    assert any("\n" in text for text in texts)
    assert min(map(len, texts)) == 1
    assert max(map(len, texts)) > 800


def test_conversations_have_all_kinds_of_endings() -> None:
    conversations = a_large_day().intention.conversations.values()
    assert {one.thread_control for one in conversations} == {"ours", "other", "unknown"}
    assert any(one.sent == 0 for one in conversations)
    assert any(len(one.active_months) == 2 for one in conversations)
    waiting = [one for one in conversations if (one.last_sent_at or 0) < one.last_received_at]  # type: ignore[operator]
    assert 0 < len(waiting) < len(a_large_day().intention.conversations)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhooks": 0},
        {"profiles": 0},
        {"providers": ()},
        {"duplicates": -0.1},
        {"duplicates": 0.6, "broken": 0.4},
        {"late": 1.1},
        {"webhooks": 2, "duplicates": 0.3, "broken": 0.5},
    ],
)
def test_parameters_that_contradict_each_other_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"simulation needs|shares? of the webhooks"):
        parameters(**changed)


def test_an_end_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        simulate(parameters(until=datetime(2026, 11, 22)))  # noqa: DTZ001


def test_receipts_mean_the_same_whether_they_name_one_message_or_all_up_to_it() -> None:
    """Readers differ in whether "read: this message" covers the ones before it.

    The intention has to hold for both, so every older message is told of first.
    """
    day = a_large_day()
    happenings = list(
        {
            id(happening): happening
            for planned in day.schedule.planned
            if not isinstance(planned.request, Broken)
            for happening in planned.request.happenings
        }.values()
    )
    sent_at = {one.message_id: one.sent_at for one in day.intention.messages.values()}
    up_to, by_name = [], []
    for one in happenings:
        if isinstance(one, Receipt) and one.message_ids:
            mark = max(sent_at[name] for name in one.message_ids)
            up_to.append(replace(one, message_ids=(), watermark=max(mark, one.watermark)))
            by_name.append(replace(one, watermark=0))
        else:
            up_to.append(one)
            by_name.append(one)
    header = day.intention.header
    assert up_to != by_name
    assert outcome(header, up_to).messages == day.intention.messages
    assert outcome(header, by_name).messages == day.intention.messages
