"""The delivery worker's agent for history: requests begun side by side, acknowledged in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import faust
from pydantic import ValidationError

from schemas.backfills import BackfillRequest
from schemas.failures import Failure
from schemas.topics import BACKFILLS, FAILURES
from streams.agents.backfiller import Backfiller
from streams.agents.batches import BatchSchema
from streams.agents.delivery import Acknowledge, Lane, acknowledging
from streams.agents.failing import failure_headers, places
from streams.agents.outbox import Outbox
from streams.settings import Settings

IN_HAND = 1_000
"""Requests that have begun and not ended: a waiting one is a sleeping task."""


def add_backfill_agent(app: faust.App, settings: Settings, backfills: "Backfills") -> None:
    topic = app.topic(settings.topic(BACKFILLS), schema=BatchSchema())

    @app.on_partitions_revoked.connect
    async def stop_reading(*_: Any, **__: Any) -> None:
        await backfills.stop()

    @app.agent(topic, name="backfills", concurrency=1)
    async def fetch_history(stream: Any) -> None:
        async for batch in stream.noack().events():
            await backfills.take(batch, acknowledging(stream, batch))


@dataclass(slots=True)
class Backfills:
    """A request may wait for hours until its account's calls are free: none waits behind it but
    for the acknowledgement, so that a restart reads those again that follow it; they are noted as
    done by then."""

    settings: Settings
    make_backfiller: Callable[[], Backfiller]
    make_outbox: Callable[[], Outbox]
    crash: Callable[[BaseException], Awaitable[None]]
    log: str
    clock: Callable[[], datetime]
    _backfiller: Backfiller | None = None
    _lane: Lane = field(default_factory=lambda: Lane(IN_HAND))
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _batches: dict[int, asyncio.Task[bool]] = field(default_factory=dict)
    """By partition, the last one: batches are acknowledged in their order."""

    async def take(self, batch: Any, acknowledge: Acknowledge) -> None:
        """Begins a batch's requests, then waits until there is room for another."""
        tasks = [task for record in batch.value if (task := await self._begin(record))]
        self._lane.in_hand += len(tasks)
        number = batch.message.partition
        self._batches[number] = asyncio.create_task(
            self._finish(self._batches.get(number), tasks, acknowledge)
        )
        await self._lane.room()

    async def stop(self) -> None:
        """Nothing is asked or written any more; what has not ended is not acknowledged. Whoever
        owns the partition next goes on from the pages that were noted."""
        running, self._running = self._running, set()
        self._backfiller = None
        self._batches = {}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _begin(self, record: Any) -> "asyncio.Task[None] | None":
        try:
            request = BackfillRequest.model_validate_json(record.value or b"")
        except ValidationError as error:
            await self._fail(record, error)
            return None
        if self._backfiller is None:
            self._backfiller = self.make_backfiller()
        task = asyncio.create_task(self._backfiller.carry_out(request, record))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _finish(
        self,
        earlier: "asyncio.Task[bool] | None",
        tasks: list["asyncio.Task[None]"],
        acknowledge: Acknowledge,
    ) -> bool:
        """Whether the batch was acknowledged: behind one that was not, none may be."""
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self._lane.free(len(tasks))
        faults = [end for end in ends if isinstance(end, BaseException)]
        for fault in faults:
            if not isinstance(fault, asyncio.CancelledError):
                await self.crash(fault)
        if faults or (earlier is not None and not await earlier):
            return False
        await acknowledge()
        return True

    async def _fail(self, record: Any, error: ValidationError) -> None:
        failure = Failure("backfill", "invalid_request", _INVALID.format(places(error)))
        outbox = self.make_outbox()
        headers = failure_headers(failure, record, self.log, self.clock())
        outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)
        await outbox.flush()


_INVALID = (
    "The record is no request for history of the contract, at: {}. "
    "Ask by BackfillHistory on dm.commands.v1."
)
