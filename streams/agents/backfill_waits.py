"""What follows when a provider stops handing out history: wait, begin again, or give up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from streams.providers.protocol import ErrorClass, SendError

_FIRST_WAIT_SECONDS = {ErrorClass.RATE_LIMITED: 60.0, ErrorClass.TRANSIENT: 15.0}
_LONGEST_WAIT_SECONDS = 15 * 60.0
"""Of waits that we choose ourselves."""
_LONGEST_WITHOUT_A_PAGE = timedelta(hours=24)
"""X's quotas are of 15 minutes and of a day: what brought nothing for a day is told as a
failure."""


class BackfillRefused(Exception):  # noqa: N818 - it names what the failure's reason is
    """The history can't be had. `reason` is the failure's; the sentence says what to do."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(slots=True)
class Patience:
    since: datetime
    """The last page, or the start."""
    fruitless: int = 0
    """Stops since then."""
    begun_again: bool = False

    def a_page_came(self, now: datetime) -> None:
        self.since, self.fruitless = now, 0

    def wait(self, error: SendError, now: datetime) -> float:
        """Seconds after which to go on. Raises BackfillRefused where that would not help."""
        first = _FIRST_WAIT_SECONDS.get(error.error_class)
        if first is None:
            raise BackfillRefused(error.error_class, error.message)
        self.fruitless += 1
        wait = min(first * 2.0 ** min(self.fruitless - 1, 16), _LONGEST_WAIT_SECONDS)
        if error.retry_after_seconds is not None:
            wait = error.retry_after_seconds
        elif error.retry_at is not None:
            wait = max(0.0, (error.retry_at - now).total_seconds()) + 1.0
        if now + timedelta(seconds=wait) > self.since + _LONGEST_WITHOUT_A_PAGE:
            raise BackfillRefused(error.error_class, error.message)
        return wait

    def begins_again(self, error: SendError, cursor: str | None) -> bool:
        """Cursors are the platform's and may lapse: then from the start, once."""
        if error.error_class is not ErrorClass.BAD_REQUEST or cursor is None or self.begun_again:
            return False
        self.begun_again = True
        return True
