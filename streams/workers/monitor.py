"""A worker watched: its metrics, its health, and the look at its own positions behind both."""

import asyncio
import time
import traceback
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import faust
import structlog
from faust.types import TP

from schemas.topics import BACKFILLS, OUTBOUND_DELAYED
from streams.monitoring import identity, metrics, running, troubles
from streams.monitoring.ports import port_of
from streams.monitoring.progress import Position, Progress
from streams.monitoring.server import MonitorServer, Verdict
from streams.settings import Settings
from streams.workers.getting_ready import GettingReady

LOOK_SECONDS = 1.0

# What is on these waits for its time, a quarter of an hour or a day: lag that is no trouble.
WAITING_ROOMS = frozenset({OUTBOUND_DELAYED, BACKFILLS})

_log = structlog.get_logger()


def watch(app: faust.App, settings: Settings, name: str, stack: AsyncExitStack) -> GettingReady:
    """Counts, and answers on the worker's port until the stack is closed. Port 0: counts alone.
    Returns who is to be told what the worker waits for before it joins its group."""
    identity.tell(name, settings.restarts)
    watcher = Watcher(app, settings)
    looking = asyncio.create_task(watcher.look_often())
    stack.callback(looking.cancel)
    port = port_of(settings.monitor_port, name)
    if port:
        server = MonitorServer(settings.monitor_host, port, live=watcher.live, ready=watcher.ready)
        server.start()
        stack.callback(server.stop)
        port = server.port
    stack.enter_context(running.noted(settings.data_dir, name, port))
    return watcher.getting_ready


class Watcher:
    """Looks at the consumer's positions on its loop; answers questions from other threads."""

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self._app = app
        self._waiting_rooms = frozenset(settings.topic(name) for name in WAITING_ROOMS)
        self._progress = Progress(settings.live_seconds)
        self.getting_ready = GettingReady(app)
        self._assigned = 0
        self._exported: set[TP] = set()
        troubles.on_trouble(self._progress.excuse)
        app.on_rebalance_complete.connect(self._recovered)

    async def look_often(self) -> None:
        while True:
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - told by kind and place, never by its text
                # The records are worked on all the same: no reason to end the worker, and one to
                # be loud. A task that ended in silence would be taken for a loop that stands still.
                last = traceback.extract_tb(error.__traceback__)[-1]
                _log.error(
                    "watcher_failed", error=type(error).__name__, at=f"{last.name}:{last.lineno}",
                    remedy="report it: the metrics of lag are too old",
                )  # fmt: skip
                self._progress.look({})
            await asyncio.sleep(LOOK_SECONDS)

    def live(self) -> Verdict:
        """Whether a new start would help: no, while there is progress or a server is away."""
        standing = self._progress.standing_still
        if not self._progress.is_looking:
            return Verdict(False, "the event loop stands still")
        if standing:
            names = ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in standing)[:4])  # type: ignore[attr-defined]
            return Verdict(False, f"lag and no commit on {names}")
        return Verdict(True, "records are worked on as they come")

    def ready(self) -> Verdict:
        waits_for = self.getting_ready.waits_for
        if waits_for is not None:
            return Verdict(False, f"waits for {waits_for}")
        return Verdict(True, f"recovered; {self._assigned} partitions")

    async def _recovered(self, *_: Any, **__: Any) -> None:
        metrics.REBALANCES.inc()

    def _look(self) -> None:
        self.getting_ready.look()
        is_ready = self.getting_ready.waits_for is None
        positions = dict(self._positions()) if is_ready else {}
        stalled = self._progress.look(
            {tp: at for tp, at in positions.items() if tp.topic not in self._waiting_rooms}
        )
        self._export(positions, stalled)
        metrics.READY.set(is_ready)
        metrics.LIVE.set(self.live().good)

    def _positions(self) -> Iterator[tuple[TP, Position]]:
        consumer: Any = self._app.consumer
        for tp in consumer.assignment():
            if tp.topic not in consumer.batched:
                continue  # a changelog: it is read for recovery and never committed
            found = consumer.place_of(tp)
            if found is not None:
                yield tp, found

    def _export(self, positions: dict[TP, Position], stalled: dict[Any, float]) -> None:
        now = time.time()
        self._assigned = len(positions)
        consumer: Any = self._app.consumer
        topics: dict[str, int] = {}
        for tp, at in positions.items():
            place = (tp.topic, str(tp.partition))
            lag = max(0, at.end - at.committed)
            oldest = consumer.oldest_uncommitted(tp) if lag else None
            metrics.LAG.labels(*place).set(lag)
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            metrics.COMMITTED_AGE.labels(*place).set(age)
            metrics.STALLED.labels(*place).set(stalled.get(tp, 0.0))
            topics[tp.topic] = topics.get(tp.topic, 0) + 1
        for tp in self._exported - positions.keys():  # it is another worker's now
            for gauge in (metrics.LAG, metrics.COMMITTED_AGE, metrics.STALLED):
                gauge.remove(tp.topic, str(tp.partition))
        for topic in {tp.topic for tp in self._exported} | topics.keys():
            metrics.PARTITIONS.labels(topic).set(topics.get(topic, 0))
        self._exported = set(positions)
