"""Limits per account: never more leaves than the platform takes, and not much less."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas import events
from streams.agents.outgoing import Outgoing
from streams.agents.pace import Pace
from streams.limits import Limit, parsed
from streams.providers.protocol import Allowance, ErrorClass, Sent
from streams.providers.rates import Rate, rates_of
from streams.settings import Settings
from tests.unit.agents.sends import NOON, World, accepted, error

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def paced(*limits: Limit, told: bool = False) -> Pace:
    return Pace({"meta": tuple(Rate(limit, told=told) for limit in limits)})


def item(name: str, person: str = "p", **more: Any) -> Outgoing:
    return Outgoing(accepted(name, person, **more), 0, 0)


def attempts(world: World) -> list[datetime]:
    return [e.time for e in world.journal.events if isinstance(e, events.SendAttempted)]


def most_within(instants: list[datetime], seconds: float) -> int:
    """The most in any stretch of that length, its end left out."""
    length = timedelta(seconds=seconds)
    return max((sum(a <= b < a + length for b in instants) for a in instants), default=0)


@settings(max_examples=200, deadline=None)
@given(
    most=st.integers(1, 20),
    burst=st.floats(0.05, 0.9),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.3, 2.0, 11.0]), max_size=80),
)
def test_however_sends_arrive_no_stretch_of_the_limit_s_time_sees_more_than_the_limit(
    most: int, burst: float, pauses: list[float]
) -> None:
    pace = Pace({"meta": (Rate(Limit(most, 10)),)}, burst)
    now, gone = NOON, []
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        one = item(str(number))
        while (until := pace.wait(one, now)) is not None:
            assert until > now
            now = until
        pace.take(one, now)
        gone.append(now)
    # An instant is a millisecond early at most, which is no matter to the next stretch.
    assert most_within(gone, 10 - 0.002) <= most


async def test_a_flood_leaves_at_the_limit_and_another_account_at_once() -> None:
    world = World(pace=paced(Limit(10, 5)))
    flood = [world.submit(f"f{n}", f"person {n % 8}", account="busy") for n in range(60)]
    await asyncio.sleep(0)
    calm = world.submit("calm", "somebody", account="calm")
    await calm
    assert world.clock.now == NOON
    await world.run_to_the_end(*flood)
    of_the_flood = [
        e.time
        for e in world.journal.events
        if isinstance(e, events.SendAttempted) and e.data.account_id == "busy"
    ]
    assert len(of_the_flood) == 60
    assert most_within(of_the_flood, 5) <= 10
    # Three at once, then seven in five seconds: it takes no longer than that.
    assert of_the_flood[-1] <= NOON + timedelta(seconds=60 / 7 * 5 + 1)


async def test_a_conversation_s_order_is_kept_while_its_account_waits() -> None:
    world = World(pace=paced(Limit(2, 10)))
    tasks = [world.submit(str(n), f"person {n % 3}") for n in range(18)]
    await world.run_to_the_end(*tasks)
    assert len(world.journal.delayed) > 0
    for person in range(3):
        mine = [int(name) for name in world.requests if int(name) % 3 == person]
        assert mine == sorted(mine)
    assert most_within(attempts(world), 10) <= 2


async def test_who_could_only_go_after_its_deadline_fails_at_once() -> None:
    world = World(pace=paced(Limit(1, 60)))
    tasks = [world.submit(str(n), f"person {n}") for n in range(20)]
    await asyncio.gather(*tasks)
    ends = [world.journal.told(str(n))[-1] for n in range(20) if world.journal.told(str(n))]
    assert ends.count("send.failed=expired") == 20 - 15  # fifteen minutes, one a minute
    await world.run_to_the_end()
    assert len(world.requests) == 15


async def test_the_reply_window_bounds_the_wait_as_well() -> None:
    """Invariant 7."""
    world = World(pace=paced(Limit(1, 60)))
    await world.submit("first", "one")
    await world.submit("a", "two", window_expires_at=NOON + timedelta(seconds=60))
    assert world.journal.told("a") == ["send.failed=window_closed"]


async def test_a_wait_is_told_once_until_the_account_has_rested() -> None:
    world = World(pace=paced(Limit(2, 10)))
    with capture_logs() as lines:
        await world.run_to_the_end(*(world.submit(str(n), f"person {n}") for n in range(8)))
    waits = [line for line in lines if line["event"] == "sends_wait_for_limit"]
    assert [(w["account"], w["limit"]) for w in waits] == [("meta:facebook:page", "2 in 10 s")]
    world.clock.now += timedelta(minutes=1)
    with capture_logs() as lines:
        await world.run_to_the_end(
            *(world.submit(f"b{n}", f"person {n}", at=world.clock.now) for n in range(3))
        )
    assert [line["event"] for line in lines] == ["sends_wait_for_limit"]


async def test_a_pause_that_the_platform_asks_for_wins_and_is_told_once() -> None:
    world = World(pace=paced(Limit(100, 1)))
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=30)]
    with capture_logs() as lines:
        tasks = [world.submit(name, name) for name in ("a", "b", "c")]
        await world.run_to_the_end(*tasks)
    assert world.clock.now >= NOON + timedelta(seconds=30)
    assert [line["event"] for line in lines] == ["account_paused"]


async def test_headers_that_say_how_many_calls_are_left_win_over_our_own_count() -> None:
    world = World(pace=paced(Limit(30, 60), told=True))
    world.answers["a"] = [Sent(("m-a",), "p", allowance=Allowance(most=30, left=1))]
    await world.submit("a", "a")
    await asyncio.gather(*(world.submit(name, name) for name in ("b", "c")))
    assert attempts(world) == [NOON, NOON, NOON + timedelta(seconds=3)]
    wide = World(pace=paced(Limit(3, 60), told=True))
    wide.answers["a"] = [Sent(("m-a",), "p", allowance=Allowance(most=300, left=299))]
    await wide.submit("a", "a")
    await asyncio.gather(*(wide.submit(f"b{n}", f"person {n}") for n in range(50)))
    assert attempts(wide) == [NOON] * 51


async def test_an_outage_s_backlog_does_not_leave_at_once_when_the_pause_is_over() -> None:
    world = World(pace=paced(Limit(10, 10)))
    world.answers["0"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=60)]
    await world.submit("0", "person 0")
    tasks = [world.submit(str(n), f"person {n}") for n in range(1, 40)]
    await world.run_to_the_end(*tasks)
    assert len(set(world.requests)) == 40
    assert most_within(attempts(world), 10) <= 10


def test_meta_counts_messages_media_apart_and_by_the_people_written_to() -> None:
    pace = Pace(rates_of(Settings(_env_file=None, meta_person_limits=(Limit(60, 3600),))))
    video = item("v", media_urls=tuple(f"https://e.org/{n}.mp4" for n in range(3)))
    assert pace.wait(video, NOON) is None  # a third of ten a second may leave at once
    pace.take(video, NOON)
    assert pace.wait(item("t"), NOON) is None
    assert pace.wait(item("w", media_urls=("https://e.org/1.mp4",)), NOON) is not None
    other = Pace({"meta": (Rate(Limit(6, 3600), "per person"),)})
    for number in range(30):  # two for each at once, whoever it is
        one = item(str(number), f"person {number // 2}")
        assert other.wait(one, NOON) is None
        other.take(one, NOON)


def test_ayrshare_s_calls_are_a_profile_s_on_all_its_networks_together() -> None:
    pace = Pace(rates_of(Settings(_env_file=None, ayrshare_send_limits=(Limit(3, 60),))))
    pace.take(item("a", provider="ayrshare", account="one"), NOON)
    assert pace.wait(item("b", provider="ayrshare", account="two"), NOON) is not None


def test_workers_share_a_limit_by_their_partitions_and_no_rebalance_refills_it() -> None:
    pace = paced(Limit(40, 60))
    pace.begin(share=0.25)
    gone = 0
    while pace.wait(item(str(gone)), NOON) is None:
        pace.take(item(str(gone)), NOON)
        gone += 1
    assert gone == 3  # a third of a quarter of forty
    pace.begin(share=0.25)
    assert pace.wait(item("after"), NOON) is not None


def test_idle_accounts_are_forgotten() -> None:
    pace = paced(Limit(40, 60))
    for number in range(10_050):
        pace.take(item("a", account=str(number), at=NOON), NOON - timedelta(hours=1))
    assert len(pace._accounts) < 10_000


@pytest.mark.parametrize("text", ["15", "15/", "0/9", "1/0", "-1/5", "a/b", "1/inf", "1/nan"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no limit"):
        parsed(text)


def test_settings_take_several_limits_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DM_X_SEND_LIMITS", "200/900, 1000/86400")
    monkeypatch.setenv("DM_META_SEND_LIMITS", "")
    found = Settings(_env_file=None)
    assert found.x_send_limits == (Limit(200, 900), Limit(1000, 86_400))
    assert found.meta_send_limits == ()
    pace = Pace(replace_all(rates_of(found)))
    assert pace.wait(item("a"), NOON) is None


def replace_all(rates: Any) -> Any:
    """Only the limits of sends: those of media and people are other settings."""
    return {
        name: tuple(replace(r) for r in found if r.counts == "sends")
        for name, found in rates.items()
    }
