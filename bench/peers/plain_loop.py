"""A plain aiokafka loop: decoded state in a dictionary, no changelog. What it forgets when it ends
it would have to read from the log's beginning.

Its own idiom: `getmany`, `send` for each record with a linger that fills batches, all futures
awaited, then the offsets committed.
"""

import asyncio
import os
import signal
from pathlib import Path

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.peers.core import Folding, events_of
from schemas.events import Event
from schemas.topics import EVENTS, WEBHOOKS
from streams.agents.working_set import WorkingSet
from streams.settings import Settings


async def main(settings: Settings) -> None:
    core, states = Folding(), WorkingSet({})
    webhooks, events = settings.topic(WEBHOOKS), settings.topic(EVENTS)
    consumer = AIOKafkaConsumer(
        webhooks,
        events,
        bootstrap_servers=settings.kafka,
        group_id=settings.topic("plain"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=4000,
        heartbeat_interval_ms=1000,
        fetch_max_wait_ms=16,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", compression_type="zstd", linger_ms=5
    )
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    await producer.start()
    await consumer.start()
    while not ending.is_set():
        sent = []
        for place, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                if place.topic == webhooks:
                    origin = f"{record.topic}/{record.partition}/{record.offset}"
                    made = events_of(record.headers, record.value, origin)
                else:
                    made = core.event(record.value, states)
                sent += [await _send(producer, events, event) for event in made]
        if sent:
            await asyncio.gather(*sent)
        await consumer.commit()
    _tell(states, settings)
    await consumer.stop()
    await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: str, event: Event) -> "asyncio.Future[object]":
    return await producer.send(topic, event.to_json(), key=event.profileid.encode())


def _tell(states: WorkingSet, settings: Settings) -> None:
    """The state, for the comparison with ours: nothing else of this peer keeps it."""
    found = {key.hex(): (value or b"").hex() for key, value in states.changes()}
    Path(settings.data_dir, settings.topic("state.json")).write_bytes(orjson.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(Settings(_env_file=None)))
    os._exit(0)
