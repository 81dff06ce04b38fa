"""A worker for the test of its end: a task of its app crashes, and one of its clients never closes.

`python -m tests.pipeline.hanging_worker STOP_SECONDS`, settings by environment.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import faust

from streams.settings import Settings
from streams.workers import run as running
from streams.workers.app import make_app


async def hanging_app(stack: AsyncExitStack) -> faust.App:
    app = make_app(Settings(_env_file=None), "hanging", frozenset())
    stack.push_async_callback(asyncio.Event().wait)

    @app.task
    async def crash() -> None:
        raise RuntimeError("a bug")

    return app


if __name__ == "__main__":
    running.STOP_SECONDS = float(sys.argv[1])
    running.run(hanging_app)
