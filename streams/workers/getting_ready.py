"""What a worker waits for until it is ready, in its log and for whoever asks: one that says nothing
can't be told from one that hangs."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import faust
import structlog
from faust.types import TP

PATIENCE_SECONDS = 10.0
"""Until it is told, and between two tellings. Longer than a worker of one's own takes to start on
the embedded broker."""

_NAMED = 4

_log = structlog.get_logger()


class GettingReady:
    """Follows the app's rebalances. `look` is called often, on the worker's loop."""

    def __init__(self, app: faust.App, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._since: float | None = clock()
        """When it was no longer ready; None while it is."""
        self._told_at: float | None = None
        """When it last told of it; None where nothing was told since then."""
        self._is_assigned = False
        self._before_group: str | None = None
        """What it waits for before it joins its group."""
        self._sentence = self._of_now()
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._assigned)
        app.on_rebalance_complete.connect(self._recovered)

    @property
    def waits_for(self) -> str | None:
        """As of the last look; None where the worker is ready. Of any thread."""
        return None if self._since is None else self._sentence

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """For what a worker needs before it can join its group: a server, as the rest of the
        sentence "waits for ...". Until the block ends."""
        self._before_group = self._sentence = what
        try:
            yield
        finally:
            self._before_group = None
            self._sentence = self._of_now()

    def look(self) -> None:
        if self._since is None:
            return
        self._sentence = self._of_now()
        now = self._clock()
        if now - (self._told_at or self._since) >= PATIENCE_SECONDS:
            self._told_at = now
            _log.warning("not_ready", seconds=round(now - self._since), waits_for=self._sentence)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._is_assigned = False
        if self._since is None:
            self._since = self._clock()
        self._sentence = self._of_now()

    async def _assigned(self, *_: Any, **__: Any) -> None:
        self._is_assigned = True

    async def _recovered(self, *_: Any, **__: Any) -> None:
        if self._since is not None and self._told_at is not None:
            _log.info("ready_at_last", seconds=round(self._clock() - self._since))
        self._since = self._told_at = None

    def _of_now(self) -> str:
        if self._before_group is not None:
            return self._before_group
        if not self._is_assigned:
            return f"group {self._app.conf.id} to share out its partitions"
        tables: Any = self._app.tables
        recovery = tables.recovery
        left = {place: count for place, count in recovery.active_remaining().items() if count > 0}
        if left:
            return f"{sum(left.values())} records of state, in {_names(left)}"
        if recovery.active_tps:
            return f"the broker's word on where {_names(recovery.active_tps)} ends"
        return "its partitions' committed offsets"


def _names(places: Iterable[TP]) -> str:
    names = sorted(f"{place.topic}/{place.partition}" for place in places)
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
