"""Instants are whole milliseconds since 1970 in the simulator, and text in what it writes."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def with_milliseconds(at: int) -> str:
    """`2026-10-04T09:12:33.120Z`. From whole seconds: floating-point ones lose a millisecond."""
    seconds, milliseconds = divmod(at, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03}Z"


def parse(text: str) -> int:
    """The inverse of `with_milliseconds`. Raises ValueError, also where there is no zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return to_ms(instant)


def with_seconds(at: int) -> str:
    """`2026-10-04T09:12:33Z`, as Ayrshare writes them."""
    return with_milliseconds(at)[:19] + "Z"


def month(at: int) -> str:
    """`2026-11`, in UTC."""
    return with_milliseconds(at)[:7]
