"""Which events a partition's subscriptions are told: erasures, replays, what was put back."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas import data
from schemas.events import CorrespondentErased, MessageReceived
from schemas.hooks import HookProgress, HookRecord
from schemas.topics import EventHeader
from streams.agents.hook_lane import Cursor, Lane
from streams.agents.hook_partition import HookPartition
from streams.hooks.directory import replay_of
from tests.unit.agents.test_hook_lane import NOW, Record, hook

PUT_BACK = [(EventHeader.RESTORED_FROM, b"earlier/0/1")]


def at(offset: int) -> Any:
    return NOW + timedelta(seconds=offset)


def said(offset: int, person: str = "2", **more: Any) -> Record:
    event = MessageReceived(
        id=f"e{offset}", source="/t", time=at(offset), receivedat=at(offset), profileid="shop",
        platform="facebook", subject=f"facebook:1:{person}",
        data=data.Message(
            provider="meta", account_id="1", correspondent_id=person, message_id=f"m{offset}",
            text=f"secret {offset}",
        ),
    )  # fmt: skip
    return Record(offset, b"shop", event.to_json(), **more)


def erased(offset: int, person: str = "2") -> Record:
    event = CorrespondentErased(
        id=f"e{offset}", source="/t", time=at(offset), receivedat=at(offset), profileid="shop",
        platform="facebook", subject=f"facebook:1:{person}",
        data=data.CorrespondentErased(provider="meta", account_id="1", correspondent_id=person),
    )  # fmt: skip
    return Record(offset, b"shop", event.to_json())


class Told:
    """A partition with receivers that take everything, once they are let."""

    def __init__(self, log: Sequence[Record], *, end: int | None = None) -> None:
        self.log = list(log)
        self.got: dict[str, list[tuple[int, str]]] = {}
        self.over: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.reads: list[int] = []
        self.partition = HookPartition(
            0, len(log) if end is None else end, "log", self.read, self.deliver,  # type: ignore[arg-type]
            self.ended,
        )  # fmt: skip

    async def read(self, _: int, offset: int) -> list[Record]:
        self.reads.append(offset)
        await asyncio.sleep(0)
        return self.log[offset : offset + 3]

    async def deliver(self, partition: HookPartition, lane: Lane) -> None:
        await self.open.wait()
        while lane.pending:
            await asyncio.sleep(0)
            head = lane.pending[0]
            text = orjson.loads(head.body)["message"]
            self.got.setdefault(lane.hook.hook_id, []).append((head.offset, text))
            lane.taken()
            partition.wake()
        lane.delivering = None
        if lane.is_over:
            self.ended(partition, lane)

    def ended(self, partition: HookPartition, lane: Lane) -> None:
        self.over.append(lane.hook.hook_id)
        partition.lanes.pop(lane.hook.hook_id, None)

    def take(self, *records: Record) -> None:
        self.log += records
        self.partition.take(records)

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(5_000):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError(self.got)


def replay(first: int, after: int, since: int, until: int) -> HookRecord:
    return replay_of(
        hook(), replay_id="0" * 16, since=at(since), until=at(until),
        place=("log", first, after), events=1, at=NOW,
    )  # fmt: skip


OWN = hook().hook_id


def test_one_that_is_behind_is_told_without_what_was_erased_after_it() -> None:
    async def run() -> None:
        told = Told([said(0), said(1, "3"), said(2), erased(3), said(4)])
        told.partition.start()
        told.partition.adopt(hook(), Cursor(0))
        await told.until(lambda: len(told.got.get(OWN, ())) == 4)
        assert told.got[OWN] == [(0, ""), (1, "secret 1"), (2, ""), (4, "secret 4")]
        await told.partition.stop()

    asyncio.run(run())


def test_what_waits_for_a_dead_receiver_loses_its_content_with_the_erasure() -> None:
    async def run() -> None:
        told = Told([])
        told.partition.start()
        told.partition.adopt(hook(), Cursor(0))
        told.open.clear()
        told.take(said(0), said(1, "3"))
        told.take(erased(2))
        told.open.set()
        await told.until(lambda: len(told.got.get(OWN, ())) == 2)
        assert told.got[OWN] == [(0, ""), (1, "secret 1")]
        await told.partition.stop()

    asyncio.run(run())


def test_those_that_are_near_the_end_do_not_wait_for_one_that_is_far_behind() -> None:
    async def run() -> None:
        log = [said(offset) for offset in range(300)]
        told = Told(log)
        told.partition.start()
        told.partition.adopt(replay(0, 300, 0, 300), None)
        told.partition.adopt(hook(), Cursor(298))
        await told.until(lambda: len(told.got.get(OWN, ())) == 2)
        assert "0" * 16 not in told.got  # its own way is still looked through
        await told.until(lambda: len(told.got.get("0" * 16, ())) == 300)
        assert told.over == ["0" * 16]
        await told.partition.stop()

    asyncio.run(run())


def test_a_replay_tells_its_range_once_in_order_and_ends_and_live_goes_on_beside_it() -> None:
    async def run() -> None:
        log = [said(offset, headers=PUT_BACK if offset < 4 else []) for offset in range(20)]
        told = Told(log)
        told.partition.start()
        told.partition.adopt(hook(start=20), None)
        told.partition.adopt(replay(2, 12, 3, 10), None)
        await told.until(lambda: bool(told.over))
        told.take(said(20))
        await told.until(lambda: len(told.got.get(OWN, ())) == 1)
        assert [offset for offset, _ in told.got["0" * 16]] == list(range(3, 10))
        assert [offset for offset, _ in told.got[OWN]] == [20]
        await told.partition.stop()

    asyncio.run(run())


def test_a_replay_that_has_nothing_to_tell_ends_at_once() -> None:
    async def run() -> None:
        told = Told([said(0)])
        told.partition.adopt(replay(1, 1, 0, 1), None)
        assert told.over == ["0" * 16]

    asyncio.run(run())


def test_what_was_put_back_is_told_to_one_that_goes_on_behind_it_and_to_no_other() -> None:
    async def run() -> None:
        log = [said(offset, headers=PUT_BACK) for offset in range(5)]
        told = Told(log)
        told.partition.start()
        progress = HookProgress(attempts=3, tried_since=1, failing_since=1, not_before=9)
        resumed = hook(start=3).model_copy(update={"resumed": progress})
        told.partition.adopt(resumed, None)
        assert told.partition.lanes[OWN].cursor == Cursor(3, 3, 1, 1, 9)
        await told.until(lambda: len(told.got.get(OWN, ())) == 2)
        assert [offset for offset, _ in told.got[OWN]] == [3, 4]
        told.partition.adopt(hook().model_copy(update={"hook_id": "f" * 16}), Cursor(0))
        await told.until(lambda: told.partition.lanes["f" * 16].position == 5)
        assert "f" * 16 not in told.got
        await told.partition.stop()

    asyncio.run(run())


@given(
    st.lists(st.sampled_from(["said", "erased", "other"]), min_size=1, max_size=60),
    st.data(),
)
def test_however_it_is_fed_nothing_is_told_that_was_erased_when_it_was_known(
    kinds: list[str], chance: Any
) -> None:
    """Of a conversation that is erased at some places of the log: what stands before the last of
    them has no content, for a subscription of any place and any part that comes by the stream."""
    log = [
        erased(n) if kind == "erased" else said(n, "2" if kind == "said" else "3")
        for n, kind in enumerate(kinds)
    ]
    end = chance.draw(st.integers(0, len(log)))
    start = chance.draw(st.integers(0, len(log)))
    last = max((n for n, kind in enumerate(kinds) if kind == "erased"), default=-1)

    async def run() -> None:
        told = Told([], end=end)
        told.log = list(log)
        told.open.clear()
        told.partition.start()
        told.partition.adopt(hook(), Cursor(min(start, end)))
        begin = chance.draw(st.integers(0, end))
        while begin < len(log):
            size = chance.draw(st.integers(1, 20))
            told.partition.take(log[begin : begin + size])
            begin += size
        told.open.set()
        wanted = [n for n in range(min(start, end), len(log)) if kinds[n] != "erased"]
        await told.until(lambda: [n for n, _ in told.got.get(OWN, ())] == wanted)
        for offset, text in told.got.get(OWN, ()):
            gone = kinds[offset] == "said" and offset < last
            assert text == ("" if gone else f"secret {offset}")
        await told.partition.stop()

    asyncio.run(run())
