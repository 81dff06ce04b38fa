"""Instants as whole milliseconds since 1970 in UTC: cheap to keep, compare and store."""

from datetime import UTC, datetime, timedelta

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970, cut, never rounded up. Exact, as a float's seconds are not."""
    since = instant - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds // 1000


def from_ms(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
