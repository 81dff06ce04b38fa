"""The gateway watched, on a port of its own: metrics without a key, and its health."""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.gateway.draining import Draining
from streams.gateway.keep import NotKeptError, Publisher
from streams.monitoring import identity, metrics, running
from streams.monitoring.ports import port_of
from streams.monitoring.progress import Progress
from streams.monitoring.server import MonitorServer, Verdict
from streams.settings import Settings

_LOOK_SECONDS = 1.0
_ASK_SECONDS = 5.0


@asynccontextmanager
async def watched(
    settings: Settings, publisher: Publisher, draining: Draining
) -> AsyncIterator[None]:
    """Serves until it is left. Port 0: counts alone."""
    identity.tell("gateway", settings.restarts)
    draining.listen()
    progress = Progress(settings.live_seconds)
    loop = asyncio.get_running_loop()
    looking = asyncio.create_task(_look_often(progress))

    def live() -> Verdict:
        if progress.is_looking:
            return Verdict(True, "the event loop turns")
        return Verdict(False, "the event loop stands still")

    def ready() -> Verdict:
        if draining.is_on:
            return Verdict(False, "draining")
        asked = asyncio.run_coroutine_threadsafe(publisher.check(), loop)
        try:
            asked.result(_ASK_SECONDS)
        except NotKeptError as error:
            return Verdict(False, error.message)
        except (TimeoutError, concurrent.futures.CancelledError):
            return Verdict(False, "no answer in time")
        return Verdict(True, "a webhook would be kept")

    port = port_of(settings.monitor_port, "gateway")
    server = MonitorServer(settings.monitor_host, port, live=live, ready=ready) if port else None
    if server:
        server.start()
    metrics.READY.set(1)
    try:
        with running.noted(settings.data_dir, "gateway", server.port if server else 0):
            yield
    finally:
        if server:
            # Not on the loop: a question under way waits for it.
            await asyncio.to_thread(server.stop)
        looking.cancel()


async def _look_often(progress: Progress) -> None:
    """The gateway has no partitions: that this turns is all."""
    while True:
        progress.look({})
        metrics.LIVE.set(1)
        await asyncio.sleep(_LOOK_SECONDS)
