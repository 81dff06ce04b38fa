"""Keeps the facts of conversations computed beside the sink, so that analysts wait little.

Nothing depends on it but their waiting: the views are exact without (sinks/facts.py).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from sinks.errors import ArchiveError
from sinks.facts import Refreshed

log = structlog.get_logger()

EVERY_SECONDS = 2.0
_REST = 3
"""Times as long as a round took: it gets a quarter of one of the engine's threads at most. What is
being inserted is worth more to an analyst than what is already computed."""
_LONGEST_WAIT = 60.0
_LONGEST_BEHIND = 30.0
"""So long a worker that has a backlog leaves facts alone: most of what it would compute is told of
again before long."""


async def keep_computed(
    refresh: Callable[[], Refreshed],
    *,
    is_behind: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    every: float = EVERY_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Calls `refresh` in a thread, for ever, until it is cancelled; seldom while `is_behind`.
    Trouble with ClickHouse is waited out: the inserts tell of it louder."""
    wait, ended = every, clock()
    while True:
        await sleep(wait)
        began = clock()
        if is_behind() and began - ended < _LONGEST_BEHIND:
            wait = every
            continue
        try:
            done = await asyncio.to_thread(refresh)
        except (ArchiveError, OSError) as error:
            wait = min(_LONGEST_WAIT, wait * 2)
            log.warning("facts_not_computed", error=str(error), retry_in_seconds=wait)
        else:
            ended = clock()
            wait = max(every, _REST * (ended - began))
            if done.conversations:
                log.debug("facts_computed", conversations=done.conversations, parts=done.parts)
