"""The history worker's agent: `dm.events.v1`, `dm.failures.v1` and what became of webhooks
into the archive."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import faust

from schemas.topics import EVENTS, FAILURES, HOOK_DELIVERIES
from sinks.archive import LogRecord
from streams.agents.batches import BatchSchema
from streams.agents.sink import Sink
from streams.settings import Settings

ARCHIVED = (EVENTS, FAILURES, HOOK_DELIVERIES)

OpenSink = Callable[[str], Sink]
MarkOf = Callable[[str, int], Awaitable[int | None]]
"""The highest offset that the archive has of a topic's partition."""


def add_history_agent(
    app: faust.App, settings: Settings, open_sink: OpenSink, mark_of: MarkOf
) -> Callable[[], bool]:
    """Each topic gathers and inserts on its own; offsets are acknowledged after that. Returns what
    tells whether one of them is behind."""
    names = tuple(settings.topic(name) for name in ARCHIVED)
    topic = app.topic(*names, schema=BatchSchema())
    sinks: dict[str, Sink] = {}

    @app.on_partitions_revoked.connect
    async def close_sinks(*_: Any, **__: Any) -> None:
        """An insert under way is let end, so that the next owner's mark includes it."""
        closing = list(sinks.values())
        sinks.clear()
        await asyncio.gather(*(sink.close() for sink in closing))

    async def sink_of(name: str, partition: int) -> Sink:
        if name not in sinks or not sinks[name].follows(partition):
            mark = await mark_of(name, partition)
            if name not in sinks:
                sinks[name] = open_sink(name)
            sinks[name].follow(partition, mark)
        return sinks[name]

    @app.agent(topic, name="history", concurrency=1)
    async def sink_history(stream: Any) -> None:
        async for event in stream.noack().events():
            sink = await sink_of(event.message.topic, event.message.partition)
            records = [_log_record(record) for record in event.value]
            await sink.put(records, _acknowledge(stream, event))

    return lambda: any(sink.is_behind() for sink in sinks.values())


def _log_record(record: Any) -> LogRecord:
    return LogRecord(
        record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )


def _acknowledge(stream: Any, event: Any) -> Callable[[], Awaitable[Any]]:
    return lambda: stream.ack(event)
