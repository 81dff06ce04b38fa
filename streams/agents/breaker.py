"""A circuit breaker: a provider in trouble is left alone for a while instead of being hammered."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Breaker:
    """Opens after `threshold` troubles in a row; then lets one attempt through per `rest`."""

    threshold: int = 10
    rest: timedelta = timedelta(seconds=15)
    _troubles: int = 0
    _closed_until: datetime | None = None

    def blocked_until(self, at: datetime) -> datetime | None:
        """When the next attempt may be made; None where one may be made now.

        Asking counts as taking the one attempt that a rest allows.
        """
        if self._troubles < self.threshold or self._closed_until is None:
            return None
        if at < self._closed_until:
            return self._closed_until
        self._closed_until = at + self.rest
        return None

    def record(self, trouble: bool, at: datetime) -> None:
        """What an attempt came to: platform trouble, or an answer of any kind."""
        if not trouble:
            self._troubles = 0
            return
        self._troubles += 1
        if self._troubles >= self.threshold:
            self._closed_until = at + self.rest
