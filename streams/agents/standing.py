"""Asks the archive now and then what only it knows, for the gauges of the history worker."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from sinks.errors import ArchiveError
from sinks.standing import Standing
from streams.monitoring import metrics

EVERY_SECONDS = 60.0
# On a large archive the questions take seconds: they get a twentieth of one thread at most.
_REST = 20

log = structlog.get_logger()


async def keep_told(
    ask: Callable[[], Standing], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """For ever, until it is cancelled. Nothing waits for it, and the inserts tell of trouble."""
    while True:
        began = time.monotonic()
        try:
            tell(await asyncio.to_thread(ask))
        except (ArchiveError, OSError) as error:
            # The classified sentence names table and code; a missing right is mended by roles.sql.
            log.warning("archive_not_asked", error=str(error))
        await sleep(max(EVERY_SECONDS, _REST * (time.monotonic() - began)))


def tell(now: Standing) -> None:
    metrics.WINDOWS_CLOSING.set(now.windows_closing)
    metrics.SENDS_UNKNOWN.set(now.sends_unknown)
    for share, count in now.limit_use.items():
        metrics.LIMIT_USE.labels(share).set(count)
    metrics.ARCHIVE_LOOKED_AT.set(time.time())
