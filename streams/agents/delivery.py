"""The delivery worker's agents: accepted sends to the platforms; delayed ones when it is time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
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
from streams.agents.dispatcher import Dispatcher, Outgoing, StoppedError
from streams.agents.failing import failure_headers, places
from streams.agents.outbox import Outbox
from streams.settings import Settings

OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)

# Batches whose sends have not all ended: bounds memory, and what a restart reads again.
UNACKNOWLEDGED_BATCHES = 50

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
            await delivery.take(batch, _acknowledge(stream, batch), delivery.send_at_once)

    @app.agent(delayed, name="delayed", concurrency=1)
    async def wait_and_deliver(stream: Any) -> None:
        async for batch in stream.noack().events():
            await delivery.take(batch, _acknowledge(stream, batch), delivery.send_when_due)


def _acknowledge(stream: Any, batch: Any) -> Callable[[], Awaitable[Any]]:
    return lambda: stream.ack(batch)


@dataclass(slots=True)
class Delivery:
    """Batches into the dispatcher, and their acknowledgement in order when their sends ended."""

    settings: Settings
    make_dispatcher: Callable[[], Dispatcher]
    """A new one for each assignment of partitions."""
    outbox: Outbox
    crash: Callable[[BaseException], Awaitable[None]]
    log: str
    clock: Callable[[], datetime]
    _dispatcher: Dispatcher | None = None
    _tails: dict[tuple[str, int], asyncio.Task[None]] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(UNACKNOWLEDGED_BATCHES)
    )

    async def take(
        self,
        batch: Any,
        acknowledge: Callable[[], Awaitable[Any]],
        begin: Callable[[Any], "asyncio.Task[None]"],
    ) -> None:
        """Begins a batch's sends and returns, while there is room; bad records become failures."""
        sends = []
        for record in batch.value:
            try:
                sends.append(begin(record))
            except ValidationError as error:
                self._fail(record, error)
        await self.outbox.flush()
        await self._room.acquire()
        place = (batch.message.topic, batch.message.partition)
        finishing = asyncio.create_task(self._finish(self._tails.get(place), sends, acknowledge))
        finishing.add_done_callback(_retrieve)
        self._tails[place] = finishing

    def send_at_once(self, record: Any) -> "asyncio.Task[None]":
        """Raises ValidationError for a record that is no accepted send."""
        accepted = _ACCEPTED.validate_json(record.value or b"")
        return self._current().submit(Outgoing(accepted, record.partition))

    def send_when_due(self, record: Any) -> "asyncio.Task[None]":
        """Raises ValidationError for a record that is no delayed send."""
        delayed = DelayedSend.model_validate_json(record.value or b"")
        dispatcher = self._current()
        return asyncio.create_task(self._wait(delayed, record.partition, dispatcher))

    async def stop(self) -> None:
        """For a rebalance: attempts under way end, nothing else begins, nothing is acknowledged
        that has not ended."""
        stopping, self._dispatcher = self._dispatcher, None
        self._tails = {}
        if stopping is not None:
            await stopping.stop()

    async def _wait(self, delayed: DelayedSend, partition: int, dispatcher: Dispatcher) -> None:
        await asyncio.sleep(max(0.0, (delayed.not_before - self.clock()).total_seconds()))
        await dispatcher.submit(
            Outgoing(delayed.send, partition, delayed.attempts, delayed.delivered, delayed.turn)
        )

    async def _finish(
        self,
        earlier: "asyncio.Task[None] | None",
        sends: list["asyncio.Task[None]"],
        acknowledge: Callable[[], Awaitable[Any]],
    ) -> None:
        try:
            if earlier is not None:
                await earlier
            await asyncio.gather(*sends)
            await acknowledge()
        except StoppedError:
            raise  # also to the batches behind: acknowledging one of them would skip this one
        except Exception as error:  # noqa: BLE001 - a bug ends the process, whatever it is
            await self.crash(error)
            raise
        finally:
            self._room.release()

    def _current(self) -> Dispatcher:
        if self._dispatcher is None:
            self._dispatcher = self.make_dispatcher()
        return self._dispatcher

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
