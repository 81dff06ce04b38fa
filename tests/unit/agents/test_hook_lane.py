"""What a subscription is told, and when, without a network or a broker."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import data
from schemas.events import MessageReceived
from streams.agents.hook_lane import MOST_PENDING, Cursor, Lane, Schedule
from streams.agents.hook_partition import HookPartition
from streams.hooks.directory import deleted, new_hook
from streams.settings import Settings

NOW = datetime(2026, 11, 22, 14, 33, 7, tzinfo=UTC)
HOUR = 3_600_000
SCHEDULE = Schedule.of(Settings(_env_file=None), random.Random(1))


@dataclass
class Record:
    offset: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def record(offset: int, profile: str = "shop") -> Record:
    event = MessageReceived(
        id=f"e{offset}", source="/t", time=NOW, receivedat=NOW, profileid=profile,
        platform="facebook", subject="facebook:1:2",
        data=data.Message(provider="meta", account_id="1", correspondent_id="2", message_id="m"),
    )  # fmt: skip
    return Record(offset, profile.encode(), event.to_json())


def hook(profile: str = "shop", start: int = 0) -> Any:
    return new_hook(
        profileid=profile, action="messages", url="https://h.example.com/", secret="0123456789",
        reference="r", place=("log", start), at=NOW,
    )  # fmt: skip


def test_nine_attempts_in_the_first_hour_and_then_one_an_hour() -> None:
    waits = [SCHEDULE.wait_ms(attempts, None) for attempts in range(1, 30)]
    assert 0.7 * HOUR < sum(waits[:8]) < 1.3 * HOUR
    assert all(0.8 * HOUR <= wait <= 1.2 * HOUR for wait in waits[8:])
    assert len(set(waits[8:])) > 10  # spread, so that receivers are not hit in step


def test_a_receiver_may_ask_for_more_time_but_not_for_days() -> None:
    assert SCHEDULE.wait_ms(1, 120.0) == 120_000
    assert SCHEDULE.wait_ms(1, 1_000_000.0) == HOUR


def test_an_event_is_given_up_after_a_day_and_a_receiver_after_three() -> None:
    tried = Cursor(5, 20, tried_since=0, failing_since=0)
    assert SCHEDULE.step(tried, 500, 23 * HOUR) == "retry"
    assert SCHEDULE.step(tried, 500, 24 * HOUR) == "give_up"
    assert SCHEDULE.step(tried, None, 72 * HOUR) == "disable"
    assert SCHEDULE.step(Cursor(5, 1, 0, 0), 410, 0) == "disable"
    later = Cursor(6, 3, tried_since=60 * HOUR, failing_since=0)
    assert SCHEDULE.step(later, 404, 61 * HOUR) == "retry"


def test_a_cursor_is_what_it_was() -> None:
    for cursor in (Cursor(7), Cursor(7, 3, 10, 5, 99)):
        assert Cursor.from_bytes(cursor.to_bytes()) == cursor


def test_what_is_given_up_leaves_known_that_nothing_is_taken() -> None:
    lane = Lane(hook(), Cursor(3), 3)
    lane.pending.extend([Any, Any])  # type: ignore[arg-type]
    lane.pending[1] = type("P", (), {"offset": 9})()
    lane.refused(100, 200)
    lane.refused(300, 400)
    assert lane.cursor == Cursor(3, 2, 100, 100, 400)
    lane.given_up()
    assert lane.cursor == Cursor(9, failing_since=100)


@given(
    st.lists(st.sampled_from(["shop", "other"]), min_size=1, max_size=400),
    st.integers(0, 10**9),
)
def test_however_the_log_comes_each_subscription_gets_each_offset_once_and_in_order(  # noqa: C901
    owners: list[str], seed: int
) -> None:
    """Invariant 9. The stream in batches, some missed while a line was full; the reader from where
    it stands; receivers of any speed; a subscription that joins in the middle."""
    chance = random.Random(seed)
    log = [record(offset, owner) for offset, owner in enumerate(owners)]
    start = chance.randint(0, len(log))
    got: dict[str, list[int]] = {"shop": [], "other": []}

    async def run() -> None:  # noqa: C901
        async def read(_: int, offset: int) -> list[Record]:
            await asyncio.sleep(0)
            return log[offset : offset + chance.randint(1, 50)]

        async def deliver(partition: HookPartition, lane: Lane) -> None:
            while lane.pending:
                assert len(lane.pending) <= MOST_PENDING
                for _ in range(chance.randint(0, 2)):
                    await asyncio.sleep(0)
                got[lane.hook.profileid].append(lane.pending[0].offset)
                lane.taken()
                if lane.is_hungry:
                    partition.wake()
            lane.delivering = None

        async def finished() -> None:
            wanted = [n for n, owner in enumerate(owners) if owner == "other"]
            for _ in range(20_000):
                if got["other"] == wanted and all(
                    lane.position >= len(log) and not lane.pending
                    for lane in partition.lanes.values()
                ):
                    return
                await asyncio.sleep(0)

        begun = chance.randint(0, len(log))
        partition = HookPartition(0, begun, "log", read, deliver)  # type: ignore[arg-type]
        reading = partition.start()
        partition.adopt(hook("other"), Cursor(0))
        at = chance.randint(0, begun)
        while at < len(log):
            size = chance.randint(1, 90)
            partition.take(log[at : at + size])
            at += size
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            if "shop" not in {lane.hook.profileid for lane in partition.lanes.values()}:
                partition.adopt(hook("shop", start), None)
        partition.adopt(hook("shop", start), None)
        await finished()
        assert not reading.done()
        await partition.stop()

    asyncio.run(run())
    assert got["other"] == [n for n, owner in enumerate(owners) if owner == "other"]
    assert got["shop"] == [n for n, owner in enumerate(owners) if owner == "shop" and n >= start]


def test_one_that_was_removed_and_made_again_begins_where_it_was_made_again() -> None:
    async def run() -> None:
        partition = HookPartition(0, 100, "log", None, None)  # type: ignore[arg-type]
        partition.adopt(hook(), Cursor(40))
        assert partition.lanes[hook().hook_id].cursor.offset == 40
        partition.adopt(deleted(hook(), NOW + timedelta(seconds=1)), None)
        assert not partition.lanes
        partition.adopt(hook(start=90), Cursor(40))
        assert partition.lanes[hook().hook_id].cursor.offset == 90
        partition.adopt(hook("other", start=5_000).model_copy(update={"log": "earlier"}), None)
        assert partition.lanes[hook("other").hook_id].cursor.offset == 0

    asyncio.run(run())
