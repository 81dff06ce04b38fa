"""Batches of sends: begun at once, acknowledged in order when all before them have ended."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.outbound import DelayedSend
from streams.agents.delivery import Delivery, Lane
from streams.agents.dispatcher import Dispatcher, StoppedError
from streams.agents.outbox import Outbox
from streams.agents.outgoing import Outgoing
from streams.settings import Settings
from tests.unit.agents.sends import NOON, MemoryJournal, accepted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class ByHand:
    """A dispatcher whose sends end when the test says so."""

    sends: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    items: list[Outgoing] = field(default_factory=list)
    due: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def submit(self, item: Outgoing) -> "asyncio.Future[None]":
        self.items.append(item)
        future = asyncio.get_running_loop().create_future()
        self.sends[item.accepted.data.command_id] = future
        return future

    def submit_when_due(self, item: Outgoing, not_before: Any) -> "asyncio.Future[None]":
        self.due[item.accepted.data.command_id] = not_before
        return self.submit(item)

    async def stop(self) -> None:
        self.stopped = True
        for future in self.sends.values():
            if not future.done():
                future.set_exception(StoppedError())


class Written(Outbox):
    """Keeps what is written instead of sending it."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, dict[str, bytes]]] = []

    def add(
        self, topic: str, key: Any, value: Any, headers: Any = None, *, partition: Any = None
    ) -> None:
        del key, partition
        self.records.append((topic, value, dict(headers or ())))

    async def flush(self) -> None:
        pass


class Desk:
    def __init__(self) -> None:
        self.now = NOON
        self.by_hand = ByHand()
        self.rounds: list[ByHand] = []
        self.written = Written()
        self.crashed: list[BaseException] = []
        self.acknowledged: list[int] = []
        self.delivery = Delivery(
            settings=Settings(_env_file=None),
            make_dispatcher=self._make,
            outbox=self.written,
            crash=self._crash,
            log="log",
            clock=lambda: self.now,
        )
        self._offset = 0

    def _make(self) -> Dispatcher:
        self.by_hand = ByHand()
        self.rounds.append(self.by_hand)
        return cast("Dispatcher", self.by_hand)

    async def _crash(self, error: BaseException) -> None:
        self.crashed.append(error)

    def batch(self, *values: bytes, partition: int = 0) -> Any:
        records = []
        for value in values:
            records.append(
                SimpleNamespace(
                    topic="t", partition=partition, offset=self._offset, key=b"k", value=value,
                    headers=[],
                )
            )  # fmt: skip
            self._offset += 1
        return SimpleNamespace(
            value=records, message=SimpleNamespace(topic="t", partition=partition)
        )

    async def take(self, name: int, batch: Any) -> None:
        async def acknowledge() -> None:
            self.acknowledged.append(name)

        await self.delivery.take_outbound(batch, acknowledge)

    async def end(self, command_id: str) -> None:
        self.by_hand.sends[command_id].set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def send(command_id: str) -> bytes:
    return accepted(command_id).to_json()


async def test_a_batch_is_acknowledged_after_its_sends_and_after_the_batches_before_it() -> None:
    """Invariant 9."""
    desk = Desk()
    await desk.take(1, desk.batch(send("a"), send("b")))
    await desk.take(2, desk.batch(send("c")))
    await desk.take(3, desk.batch(send("d"), partition=1))
    await desk.end("c")
    await desk.end("a")
    assert desk.acknowledged == []
    await desk.end("d")
    assert desk.acknowledged == [3]
    await desk.end("b")
    assert desk.acknowledged == [3, 1, 2]


async def test_a_send_knows_its_place_and_a_delayed_one_keeps_it() -> None:
    desk = Desk()
    await desk.take(1, desk.batch(send("a"), send("b")))
    later = NOON + timedelta(minutes=1)
    delayed = DelayedSend(send=accepted("c"), not_before=later, turn=2, place=7)
    await desk.delivery.take_delayed(
        desk.batch(delayed.model_dump_json(exclude_none=True).encode()), _nothing
    )
    assert [(i.place, i.turn) for i in desk.by_hand.items] == [(0, 0), (1, 0), (7, 2)]
    assert desk.by_hand.due == {"c": later}


async def _nothing() -> None:
    pass


async def test_a_record_that_is_no_send_becomes_a_failure_and_holds_nothing_up() -> None:
    desk = Desk()
    await desk.take(1, desk.batch(b'{"text": "secret words"}', send("a")))
    await desk.end("a")
    assert desk.acknowledged == [1]
    ((topic, value, headers),) = desk.written.records
    assert (topic, value) == ("dm.failures.v1", b'{"text": "secret words"}')
    assert headers["dm-failure-reason"] == b"invalid_send"
    assert b"secret" not in b"".join(headers.values())


async def test_a_bug_ends_the_worker_and_nothing_from_it_on_is_acknowledged() -> None:
    desk = Desk()
    await desk.take(1, desk.batch(send("a")))
    await desk.take(2, desk.batch(send("b")))
    await desk.end("b")
    bug = ValueError("a bug")
    desk.by_hand.sends["a"].set_exception(bug)
    await settle()
    assert desk.acknowledged == []
    assert bug in desk.crashed


async def test_after_a_rebalance_what_had_not_ended_is_not_acknowledged() -> None:
    desk = Desk()
    await desk.take(1, desk.batch(send("a")))
    await desk.take(2, desk.batch(send("b")))
    await desk.end("b")
    await desk.delivery.stop()
    await settle()
    assert (desk.acknowledged, desk.crashed) == ([], [])
    assert desk.rounds[0].stopped
    await desk.take(3, desk.batch(send("c")))
    await desk.end("c")
    assert desk.acknowledged == [3]
    assert len(desk.rounds) == 2


async def test_the_journal_is_pruned_at_the_first_batch_and_once_an_hour() -> None:
    desk = Desk()
    for minutes in (0, 59, 60, 119, 121):
        desk.now = NOON + timedelta(minutes=minutes)
        await desk.take(minutes, desk.batch(send(f"at {minutes}")))
        await settle()
    assert [(at - NOON).seconds // 60 for at in desk.by_hand.journal.pruned] == [0, 60, 121]


async def test_a_journal_that_can_not_be_pruned_ends_the_worker() -> None:
    desk = Desk()

    async def broken(_: object) -> int:
        raise ValueError("a bug")

    await desk.take(1, desk.batch(send("a")))
    await settle()
    desk.by_hand.journal.prune = broken  # type: ignore[method-assign]
    desk.now = NOON + timedelta(hours=1)
    await desk.take(2, desk.batch(send("b")))
    await settle()
    assert len(desk.crashed) == 1


async def test_a_full_lane_waits_until_a_batch_has_ended() -> None:
    lane = Lane(limit=2)
    lane.in_hand = 3
    waiting = asyncio.create_task(lane.room())
    await settle()
    lane.free(1)
    await settle()
    assert not waiting.done()
    lane.free(1)
    await asyncio.wait_for(waiting, 1)
