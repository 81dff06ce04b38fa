"""Batches of requests for history: acknowledged in order, when they have ended."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from schemas.backfills import BackfillRequest
from schemas.topics import BACKFILLS, FailureHeader
from streams.agents.backfills import Backfills
from streams.providers.protocol import (
    HistoryPage,
)
from streams.settings import Settings
from tests.unit.agents.backfilling import (
    Provider,
    World,
    record,
    request,
)


@dataclass
class Desk:
    world: World
    acknowledged: list[int] = field(default_factory=list)
    crashed: list[BaseException] = field(default_factory=list)

    def backfills(self) -> Backfills:
        async def crash(error: BaseException) -> None:
            self.crashed.append(error)

        return Backfills(
            settings=Settings(_env_file=None),
            make_backfiller=self.world.backfiller,
            make_outbox=self.world.durable.outbox,
            crash=crash,
            log="log",
            clock=self.world.clock,
        )

    def acknowledge(self, number: int) -> Callable[[], Any]:
        async def acknowledged() -> None:
            self.acknowledged.append(number)

        return acknowledged


def batch(*wanted: BackfillRequest) -> Any:
    records = [record(one, offset) for offset, one in enumerate(wanted)]
    return SimpleNamespace(value=records, message=SimpleNamespace(topic=BACKFILLS, partition=1))


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


def test_batches_are_acknowledged_in_their_order_when_their_requests_have_ended() -> None:
    """Invariant 9."""
    desk, released = Desk(World()), asyncio.Event()

    async def history(wanted: BackfillRequest, _: str | None) -> AsyncGenerator[HistoryPage, None]:
        if wanted.request_id == "slow":
            await released.wait()
        yield desk.world.provider.page(0)

    desk.world.provider = SimpleNamespace(history=history, page=Provider().page)

    async def scenario() -> None:
        backfills = desk.backfills()
        await backfills.take(batch(request(request_id="slow")), desk.acknowledge(1))
        await backfills.take(batch(request(account="5", request_id="b")), desk.acknowledge(2))
        await settle()
        assert desk.acknowledged == []
        released.set()
        await settle()
        assert desk.acknowledged == [1, 2]

    asyncio.run(scenario())


def test_what_was_stopped_is_not_acknowledged_nor_is_what_follows_it() -> None:
    """Invariant 9."""
    desk = Desk(World())

    async def history(wanted: BackfillRequest, _: str | None) -> AsyncGenerator[HistoryPage, None]:
        if wanted.request_id == "slow":
            await asyncio.Event().wait()
        yield desk.world.provider.page(0)

    desk.world.provider = SimpleNamespace(history=history, page=Provider().page)

    async def scenario() -> None:
        backfills = desk.backfills()
        await backfills.take(batch(request(request_id="slow")), desk.acknowledge(1))
        await backfills.take(batch(request(account="5", request_id="b")), desk.acknowledge(2))
        await settle()
        written = len(desk.world.durable.records)
        await backfills.stop()
        await settle()
        assert desk.acknowledged == []
        assert desk.crashed == []
        assert len(desk.world.durable.records) == written
        await backfills.take(batch(request(account="5", request_id="b")), desk.acknowledge(3))
        await settle()
        assert desk.acknowledged == [3]

    asyncio.run(scenario())


def test_a_record_that_is_no_request_is_a_failure_and_a_bug_ends_the_worker() -> None:
    desk = Desk(World(Provider(refusals=[(0, RuntimeError("a bug"))])))

    async def scenario() -> None:
        backfills = desk.backfills()
        broken = batch(request())
        broken.value[0].value = b'{"request_id": "r"}'
        await backfills.take(broken, desk.acknowledge(1))
        await settle()
        assert desk.acknowledged == [1]
        (failure,) = desk.world.durable.failures()
        assert failure[FailureHeader.REASON] == b"invalid_request"
        await backfills.take(batch(request()), desk.acknowledge(2))
        await settle()
        assert desk.acknowledged == [1]
        assert [str(error) for error in desk.crashed] == ["a bug"]

    asyncio.run(scenario())
