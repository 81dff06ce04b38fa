"""A worker process: one Faust app and the clients that its agents share, from start to stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import faust
import uvloop

Setup = Callable[[AsyncExitStack], Awaitable[faust.App]]


def run(setup: Setup) -> None:
    """Runs until SIGTERM or SIGINT; ends non-zero when an agent crashed.

    `setup` makes the clients (entering them into the stack) and the app, on the running loop.
    """
    # As the policy too: Faust's consumer makes a loop of its own, in its own thread.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    stack = AsyncExitStack()
    app = loop.run_until_complete(setup(stack))

    @app.on_before_shutdown.connect
    async def close_clients(*_: Any, **__: Any) -> None:
        await stack.aclose()

    worker = faust.Worker(
        app,
        loop=loop,
        loglevel=logging.WARNING,
        quiet=True,
        redirect_stdouts=False,
        daemon=True,
        override_logging=False,
    )
    # It would write terminal codes at the head of each log: it looks for a terminal only later.
    worker.spinner = None
    worker.execute_from_commandline()
