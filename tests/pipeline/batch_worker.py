"""A worker for tests of the batched delivery: notes each record it has worked on in a file.

`python -m tests.pipeline.batch_worker FILE TOPIC SEED LIMIT [SEEK_SECONDS]`, settings by
environment. It keeps the newest offset of each partition in a table: a state to recover. With
SEEK_SECONDS the seek that follows a recovery takes so much longer.
"""

import asyncio
import os
import random
import sys
from contextlib import AsyncExitStack
from typing import Any

import faust

from streams import kafka
from streams.agents.batches import BatchSchema
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.settings import Settings
from streams.workers.app import make_app
from streams.workers.run import run


async def noting_app(stack: AsyncExitStack) -> faust.App:
    path, topic, seed, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = Settings(_env_file=None)
    app = make_app(settings, "noting", frozenset({topic}), batch_limit=lambda: limit)
    slow_down_the_seek(app, *(float(seconds) for seconds in sys.argv[5:]))
    producer = kafka.producer(settings)
    await producer.start()
    stack.push_async_callback(producer.stop)
    outbox = Outbox(producer, partitions=settings.partitions)
    table = StateTable(app, "newest", settings)
    chance = random.Random(seed)
    notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @app.agent(app.topic(topic, schema=BatchSchema()), concurrency=1)
    async def note(stream: Any) -> None:
        async for event in stream.noack().events():
            await asyncio.sleep(chance.random() * 0.02)
            number, newest = event.message.partition, event.value[-1].offset
            changes = table.queue_changelog([(b"%d" % number, b"%d" % newest)], outbox, number)
            await outbox.flush()
            table.apply(changes)
            lines = (f"{record.partition} {record.offset}\n" for record in event.value)
            os.write(notes, "".join(lines).encode())
            await stream.ack(event)

    return app


def slow_down_the_seek(app: faust.App, seconds: float = 0.0) -> None:
    consumer: Any = app.transport.Consumer

    class SlowConsumer(consumer):  # type: ignore[misc]
        async def perform_seek(self) -> None:
            await super().perform_seek()
            await asyncio.sleep(seconds)

    app.transport.Consumer = SlowConsumer


if __name__ == "__main__":
    run(noting_app)
