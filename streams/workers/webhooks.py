"""`dmstream worker webhooks`: builds the deliveries to subscribers from settings."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.hooks import HookRecord
from schemas.topics import EVENTS
from streams import kafka
from streams.agents.hook_cursors import HookCursors
from streams.agents.hook_lane import Schedule
from streams.agents.hook_outcomes import HookOutcomes
from streams.agents.hooks import Hooks, add_hook_agent
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.hooks.copied_cursors import Cursors, write_cursors
from streams.hooks.directory import HookDirectory
from streams.hooks.posting import Poster
from streams.log_positions import ends_now
from streams.settings import Settings
from streams.workers.agreed import agreed
from streams.workers.app import make_app
from streams.workers.monitor import watch
from streams.workers.run import finish_first

TABLE = "cursors"
_READ_AT_ONCE = 500
_READ_WAIT_MS = 1_000


async def webhooks_app(settings: Settings, stack: AsyncExitStack) -> faust.App:
    """The app, with its producer, readers and HTTP client started and put on the stack."""
    settings = await agreed(settings)
    log = await kafka.log_id(settings)
    producer = kafka.producer(settings)
    await producer.start()
    stack.push_async_callback(producer.stop)
    poster = Poster(
        seconds=settings.hook_timeout_seconds, allow_private=settings.hook_allow_private
    )
    stack.push_async_callback(poster.close)
    prober, behind = kafka.reader(settings), kafka.reader(settings)
    for reader in (prober, behind):
        await reader.start()
        stack.push_async_callback(reader.stop)
    directory = HookDirectory(settings)
    await directory.topic.start()
    stack.push_async_callback(directory.topic.stop)

    async def end_of(number: int) -> int:
        place = TopicPartition(settings.topic(EVENTS), number)
        return (await ends_now(settings, prober, [place]))[place]

    def known() -> Sequence[HookRecord]:
        return list(directory.records.values())

    def keep_copy(number: int, cursors: Cursors) -> None:
        write_cursors(settings, log, number, cursors)

    app = make_app(settings, "webhooks", frozenset({settings.topic(EVENTS)}))
    outbox = Outbox(producer, partitions=settings.partitions)
    hooks = Hooks(
        settings=settings,
        cursors=HookCursors(
            StateTable(app, TABLE, settings),
            outbox,
            keep_copy if settings.embedded else None,
        ),
        outcomes=HookOutcomes(settings, outbox, log, _now),
        log=log,
        schedule=Schedule.of(settings, random.Random()),  # noqa: S311 - spreads waits
        post=poster.post,
        read=_reading(settings, behind),
        end_of=end_of,
        known=known,
        crash=app.crash,
        clock=_now,
    )
    add_hook_agent(app, settings, hooks)

    def changed(records: Iterable[HookRecord]) -> None:
        hooks.adopt(list(records))

    directory.on_change = changed
    finish_first(app, hooks.close)
    watch(app, settings, "webhooks", stack)
    return app


def _reading(settings: Settings, consumer: AIOKafkaConsumer) -> Any:
    """Reads a piece of one partition at a time, with one consumer for all."""
    reading = asyncio.Lock()

    async def read(number: int, offset: int) -> Sequence[Any]:
        place = TopicPartition(settings.topic(EVENTS), number)
        async with reading:
            consumer.assign([place])
            consumer.seek(place, offset)
            found = await consumer.getmany(
                place, timeout_ms=_READ_WAIT_MS, max_records=_READ_AT_ONCE
            )
            consumer.pause(place)
        return list(found.get(place, ()))

    return read


def _now() -> datetime:
    return datetime.now(UTC)
