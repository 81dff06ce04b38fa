"""A worker process: one Faust app and the clients that its agents share, from start to stop."""

import asyncio
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import faust
import structlog
import uvloop

Setup = Callable[[AsyncExitStack], Awaitable[faust.App]]

STOP_SECONDS = 20.0
"""Agents and consumers are given some 5 s each to finish what they have in their hands."""

_log = structlog.get_logger()

_STOPPED_BY = (signal.SIGTERM, signal.SIGINT)

_GARBAGE_AT = 200_000
"""Containers made and not freed before Python looks for rings among them. A batch in hand is
thousands of objects and no ring: at the default of 700 it is searched again and again."""


def run(setup: Setup) -> None:
    """Runs until SIGTERM or SIGINT; ends non-zero when an agent crashed.

    `setup` makes the clients (entering them into the stack, which is closed last of all) and the
    app, on the running loop.
    """
    # As the policy too: Faust's consumer makes a loop of its own, in its own thread.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    stack = AsyncExitStack()
    app = _set_up(loop, setup, stack)
    if app is None:
        return

    # After its agents: what they have in their hands needs the clients. Faust has no signal for
    # that moment, and `on_before_shutdown` comes before they stop (met: an agent that found its
    # clients closed ended a process that was told to stop with an error).
    app.on_shutdown = stack.aclose  # type: ignore[method-assign]

    worker = _Worker(
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
    _search_little_for_garbage()
    worker.execute_from_commandline()


class _Worker(faust.Worker):
    """Ends, whatever Faust's shutdown waits for. After a crash it was seen to wait for ever, with
    no thread left but this one: nobody starts a process again that has not ended."""

    def on_worker_shutdown(self) -> None:
        super().on_worker_shutdown()
        threading.Thread(target=_end_after, args=(STOP_SECONDS,), daemon=True).start()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    _log.error(
        "shutdown_given_up", seconds=seconds,
        sentence="what was not acknowledged is read again by whoever owns the partitions next",
    )  # fmt: skip
    os._exit(1)


def _search_little_for_garbage() -> None:
    """What was imported stays to the end: it is searched once more and never again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_AT)


def finish_first(app: faust.App, stop: Callable[[], Awaitable[None]]) -> None:
    """Calls `stop` when the worker is told to end, while consumer, agents and clients still work:
    what is under way can end, and be committed."""

    @app.on_before_shutdown.connect
    async def finish(*_: Any, **__: Any) -> None:
        await stop()


def _set_up(
    loop: asyncio.AbstractEventLoop, setup: Setup, stack: AsyncExitStack
) -> faust.App | None:
    """None where it was told to stop meanwhile: it may be waiting for ClickHouse (Faust's worker
    takes the signals over afterwards)."""
    settling = loop.create_task(_or_close(setup, stack))
    for number in _STOPPED_BY:
        loop.add_signal_handler(number, settling.cancel)
    try:
        return loop.run_until_complete(settling)
    except asyncio.CancelledError:
        return None
    finally:
        for number in _STOPPED_BY:
            loop.remove_signal_handler(number)


async def _or_close(setup: Setup, stack: AsyncExitStack) -> faust.App:
    try:
        return await setup(stack)
    except BaseException:
        await stack.aclose()
        raise
