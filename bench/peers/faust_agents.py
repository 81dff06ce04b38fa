"""Idiomatic Faust: an agent for each topic, one event at a time, state in a table.

Its own settings: table in memory (its fastest store), uvloop, compiled extensions, lz4 and
acks=all as ours. The session is short because the embedded broker answers a join only after half
of it.
"""

import asyncio
import logging
from typing import Any

import faust
import uvloop

from bench.peers.core import Folding, events_of
from schemas.topics import EVENTS, WEBHOOKS
from streams.settings import Settings

settings = Settings(_env_file=None)
core = Folding()
app = faust.App(
    settings.topic("faust"),
    broker=f"kafka://{settings.kafka}",
    store="memory://",
    datadir=settings.data_dir / settings.topic("faust"),
    topic_partitions=settings.partitions,
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    producer_compression_type="lz4",
    producer_acks=-1,
    stream_wait_empty=False,
    broker_session_timeout=4,
    broker_heartbeat_interval=1,
    broker_rebalance_timeout=4,
    broker_request_timeout=20,
    web_enabled=False,
)
RAW: dict[str, Any] = {
    "key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw",
}  # fmt: skip
webhooks = app.topic(settings.topic(WEBHOOKS), **RAW)
events = app.topic(settings.topic(EVENTS), **RAW)
state: Any = app.Table("state", key_type=bytes, value_type=bytes, partitions=settings.partitions)


@app.agent(webhooks)
async def normalise(stream: Any) -> None:
    async for event in stream.events():
        message = event.message
        origin = f"{message.topic}/{message.partition}/{message.offset}"
        for made in events_of(message.headers, event.value, origin):
            await events.send(key=made.profileid.encode(), value=made.to_json())


@app.agent(events)
async def keep_state(stream: Any) -> None:
    async for value in stream:
        for made in core.event_in(value, state):
            await events.send(key=made.profileid.encode(), value=made.to_json())


if __name__ == "__main__":
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(
        app, loop=loop, loglevel=logging.WARNING, quiet=True, redirect_stdouts=False, daemon=True
    )
    worker.spinner = None
    worker.execute_from_commandline()
