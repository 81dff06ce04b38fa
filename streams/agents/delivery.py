"""The delivery worker's agents: accepted sends to the platforms; delayed ones when it is time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import faust
from pydantic import TypeAdapter, ValidationError

from schemas.events import SendAccepted
from schemas.failures import Failure
from schemas.outbound import DelayedSend
from schemas.topics import (
    FAILURES,
    OUTBOUND_DELAYED,
    OUTBOUND_FACEBOOK,
    OUTBOUND_INSTAGRAM,
    OUTBOUND_X,
)
from streams.agents.batches import BatchSchema
from streams.agents.dispatcher import Dispatcher, StoppedError
from streams.agents.failing import failure_headers, places
from streams.agents.outbox import Outbox
from streams.agents.outgoing import Journal, Outgoing
from streams.settings import Settings

OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)

Acknowledge = Callable[[], Awaitable[Any]]
Begin = Callable[[Any], "asyncio.Task[None]"]

# Sends of about 2 kB that have not ended.
OUTBOUND_IN_HAND = 5_000
DELAYED_IN_HAND = 50_000

PRUNE_EVERY = timedelta(hours=1)

_ACCEPTED: TypeAdapter[SendAccepted] = TypeAdapter(SendAccepted)


def add_delivery_agents(app: faust.App, settings: Settings, delivery: "Delivery") -> None:
    outbound = app.topic(*(settings.topic(name) for name in OUTBOUND), schema=BatchSchema())
    delayed = app.topic(settings.topic(OUTBOUND_DELAYED), schema=BatchSchema())

    @app.on_partitions_revoked.connect
    async def finish_attempts(*_: Any, **__: Any) -> None:
        await delivery.stop()

    @app.agent(outbound, name="delivery", concurrency=1)
    async def deliver(stream: Any) -> None:
        async for batch in stream.noack().events():
            await delivery.take_outbound(batch, acknowledging(stream, batch))

    @app.agent(delayed, name="delayed", concurrency=1)
    async def wait_and_deliver(stream: Any) -> None:
        async for batch in stream.noack().events():
            await delivery.take_delayed(batch, acknowledging(stream, batch))


def acknowledging(stream: Any, batch: Any) -> Acknowledge:
    return lambda: stream.ack(batch)


@dataclass(slots=True)
class Lane:
    """The sends of one agent that have begun and not ended. One agent's may not hold up another's:
    what waits on the delayed topic waits for minutes."""

    limit: int
    """Bounds memory, and what a restart reads again. One batch may go above it."""
    in_hand: int = 0
    tails: dict[tuple[str, int], asyncio.Task[None]] = field(default_factory=dict)
    """The last batch of each partition: batches are acknowledged in their order."""
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def room(self) -> None:
        while self.in_hand >= self.limit:
            self._freed.clear()
            await self._freed.wait()

    def free(self, count: int) -> None:
        self.in_hand -= count
        self._freed.set()


@dataclass(slots=True)
class Round:
    """What lives from one assignment of partitions to the next."""

    dispatcher: Dispatcher
    outbound: Lane = field(default_factory=lambda: Lane(OUTBOUND_IN_HAND))
    delayed: Lane = field(default_factory=lambda: Lane(DELAYED_IN_HAND))
    prune_at: datetime | None = None
    """When the journal is looked through again; None: at the first batch."""
    pruning: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Delivery:
    """Batches into the dispatcher, and their acknowledgement in order when their sends ended."""

    settings: Settings
    make_dispatcher: Callable[[], Dispatcher]
    outbox: Outbox
    crash: Callable[[BaseException], Awaitable[None]]
    log: str
    clock: Callable[[], datetime]
    _round: Round | None = None

    async def take_outbound(self, batch: Any, acknowledge: Acknowledge) -> None:
        """Begins a batch's sends, then waits until there is room for another."""
        now = self._current()

        def begin(record: Any) -> asyncio.Task[None]:
            accepted = _ACCEPTED.validate_json(record.value or b"")
            return now.dispatcher.submit(Outgoing(accepted, record.partition, record.offset))

        await self._take(batch, acknowledge, begin, now.outbound)

    async def take_delayed(self, batch: Any, acknowledge: Acknowledge) -> None:
        """The same for sends that begin when they are due."""
        now = self._current()

        def begin(record: Any) -> asyncio.Task[None]:
            delayed = DelayedSend.model_validate_json(record.value or b"")
            item = Outgoing(delayed.send, record.partition, delayed.place, delayed.turn)
            return now.dispatcher.submit_when_due(item, delayed.not_before)

        await self._take(batch, acknowledge, begin, now.delayed)

    def erased(self, conversation: str) -> None:
        """Sends to its correspondent that rest have an end."""
        if self._round is not None:
            self._round.dispatcher.erased(conversation)

    async def stop(self) -> None:
        """For a rebalance and at the end: attempts under way end, nothing else begins, nothing is
        acknowledged that has not ended."""
        stopping, self._round = self._round, None
        if stopping is not None:
            await stopping.dispatcher.stop()

    async def _take(self, batch: Any, acknowledge: Acknowledge, begin: Begin, lane: Lane) -> None:
        sends = []
        for record in batch.value:
            try:
                sends.append(begin(record))
            except ValidationError as error:
                self._fail(record, error)
        await self.outbox.flush()
        lane.in_hand += len(sends)
        place = (batch.message.topic, batch.message.partition)
        finishing = asyncio.create_task(
            self._finish(lane.tails.get(place), sends, acknowledge, lane)
        )
        finishing.add_done_callback(_retrieve)
        lane.tails[place] = finishing
        await lane.room()

    def _prune_when_due(self, now: Round) -> None:
        """Beside the sends. Without sends there are no new notes, so their batches set the time."""
        moment = self.clock()
        if now.prune_at is None or moment >= now.prune_at:
            now.prune_at = moment + PRUNE_EVERY
            now.pruning = asyncio.create_task(self._prune(now.dispatcher.journal, moment))
            now.pruning.add_done_callback(_retrieve)

    async def _prune(self, journal: Journal, moment: datetime) -> None:
        try:
            await journal.prune(moment)
        except Exception as error:
            await self.crash(error)
            raise

    async def _finish(
        self,
        earlier: "asyncio.Task[None] | None",
        sends: list["asyncio.Task[None]"],
        acknowledge: Acknowledge,
        lane: Lane,
    ) -> None:
        try:
            await asyncio.gather(*sends)
            if earlier is not None:
                await earlier
            await acknowledge()
        except StoppedError:
            raise  # also to the batches behind: acknowledging one of them would skip this one
        except Exception as error:
            await self.crash(error)
            raise
        finally:
            lane.free(len(sends))

    def _current(self) -> Round:
        if self._round is None:
            self._round = Round(self.make_dispatcher())
        self._prune_when_due(self._round)
        return self._round

    def _fail(self, record: Any, error: ValidationError) -> None:
        failure = Failure("deliver", "invalid_send", _INVALID.format(places(error)))
        headers = failure_headers(failure, record, self.log, self.clock())
        self.outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)


def _retrieve(finishing: "asyncio.Task[None]") -> None:
    """Nobody may be waiting behind a batch that was stopped."""
    if not finishing.cancelled():
        finishing.exception()


_INVALID = (
    "The record is no accepted send of the contract, at: {}. "
    "Ask for sends by commands on dm.commands.v1."
)
