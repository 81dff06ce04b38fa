"""A worker for tests of the batched delivery: notes each record it has worked on in a file.

`python -m tests.pipeline.batch_worker FILE TOPIC SEED LIMIT`, settings by environment.
"""

import asyncio
import os
import random
import sys
from contextlib import AsyncExitStack
from typing import Any

import faust

from streams.agents.batches import BatchSchema
from streams.settings import Settings
from streams.workers.app import make_app
from streams.workers.run import run


async def noting_app(_stack: AsyncExitStack) -> faust.App:
    path, topic, seed, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    app = make_app(Settings(_env_file=None), "noting", frozenset({topic}), batch_limit=limit)
    chance = random.Random(seed)
    notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @app.agent(app.topic(topic, schema=BatchSchema()), concurrency=1)
    async def note(stream: Any) -> None:
        async for event in stream.noack().events():
            await asyncio.sleep(chance.random() * 0.02)
            lines = (f"{record.partition} {record.offset}\n" for record in event.value)
            os.write(notes, "".join(lines).encode())
            await stream.ack(event)

    return app


if __name__ == "__main__":
    run(noting_app)
