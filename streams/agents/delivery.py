"""The delivery worker's agents: accepted sends to the platforms, delayed ones when their time is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import faust
from pydantic import ValidationError

from schemas.events import SendAccepted, parse_event
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
from streams.agents.failing import failure_headers
from streams.agents.outbox import Outbox
from streams.settings import Settings

OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)

# Sends of batches that are not yet acknowledged: bounds memory, and what a restart reads again.
UNACKNOWLEDGED_BATCHES = 50


class InOrder:
    """Acknowledges batches in their order per partition, each when all of its sends have ended."""

    def __init__(self, crash: Callable[[BaseException], Awaitable[None]]) -> None:
        self._crash = crash
        self._tails: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(UNACKNOWLEDGED_BATCHES)

    async def add(
        self, event: Any, sends: list["asyncio.Task[None]"], acknowledge: Callable[[], Any]
    ) -> None:
        """Returns at once while there is room."""
        await self._room.acquire()
        place = (event.message.topic, event.message.partition)
        self._tails[place] = asyncio.create_task(
            self._finish(self._tails.get(place), sends, acknowledge)
        )

    async def _finish(
        self,
        earlier: "asyncio.Task[None] | None",
        sends: list["asyncio.Task[None]"],
        acknowledge: Callable[[], Any],
    ) -> None:
        try:
            if earlier is not None:
                await earlier
            await asyncio.gather(*sends)
            await acknowledge()
        except StoppedError:
            raise
        except Exception as error:
            await self._crash(error)
            raise
        finally:
            self._room.release()


def add_delivery_agents(
    app: faust.App,
    settings: Settings,
    dispatcher: Callable[[], Dispatcher],
    outbox: Outbox,
    log: str,
    clock: Callable[[], datetime],
) -> None:
    """`dispatcher` makes one for each assignment of partitions."""
    outbound = app.topic(*(settings.topic(name) for name in OUTBOUND), schema=BatchSchema())
    delayed = app.topic(settings.topic(OUTBOUND_DELAYED), schema=BatchSchema())
    at_work: list[tuple[Dispatcher, InOrder]] = []

    def current() -> tuple[Dispatcher, InOrder]:
        if not at_work:
            at_work.append((dispatcher(), InOrder(app.crash)))
        return at_work[0]

    @app.on_partitions_revoked.connect
    async def finish_attempts(*_: Any, **__: Any) -> None:
        stopping = list(at_work)
        at_work.clear()
        for working, _queue in stopping:
            await working.stop()

    def unreadable(record: Any, error: Exception) -> None:
        failure = Failure("deliver", "invalid_send", _INVALID, type(error).__name__)
        headers = failure_headers(failure, record, log, clock())
        outbox.add(settings.topic(FAILURES), record.key, record.value, headers)

    @app.agent(outbound, name="delivery", concurrency=1)
    async def deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            working, queue = current()
            sends = []
            for record in event.value:
                try:
                    accepted = parse_event(record.value or b"")
                    if not isinstance(accepted, SendAccepted):
                        raise TypeError(accepted.type)
                except (ValidationError, TypeError) as error:
                    unreadable(record, error)
                else:
                    sends.append(working.submit(Outgoing(accepted, record.partition)))
            await outbox.flush()
            await queue.add(event, sends, _acknowledge(stream, event))

    @app.agent(delayed, name="delayed", concurrency=1)
    async def wait_and_deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            working, queue = current()
            sends = []
            for record in event.value:
                try:
                    waiting = DelayedSend.model_validate_json(record.value or b"")
                except ValidationError as error:
                    unreadable(record, error)
                else:
                    sends.append(asyncio.create_task(_when_due(waiting, record, working, clock)))
            await outbox.flush()
            await queue.add(event, sends, _acknowledge(stream, event))


async def _when_due(
    waiting: DelayedSend, record: Any, working: Dispatcher, clock: Callable[[], datetime]
) -> None:
    await asyncio.sleep(max(0.0, (waiting.not_before - clock()).total_seconds()))
    await working.submit(
        Outgoing(
            waiting.send, record.partition, waiting.attempts, waiting.delivered, waiting.turn
        )
    )


def _acknowledge(stream: Any, event: Any) -> Callable[[], Awaitable[Any]]:
    return lambda: stream.ack(event)


_INVALID = "The record is no accepted send of the contract: write sends through dm.commands.v1."
