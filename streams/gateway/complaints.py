"""Warnings that an attacker, or an outage, can't turn into a flood of log lines."""

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger


class Complaints:
    """One line in `every` seconds for each outcome; the next line says how many were left out."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        *,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._every = every
        self._clock = clock
        self._said_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def say(self, event: str, outcome: str, **details: str) -> None:
        now = self._clock()
        if now - self._said_at.get(outcome, float("-inf")) < self._every:
            self._left_out[outcome] = self._left_out.get(outcome, 0) + 1
            return
        self._said_at[outcome] = now
        self._log.warning(
            event, outcome=outcome, left_out=self._left_out.pop(outcome, 0), **details
        )
