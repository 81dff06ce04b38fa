"""Limits as settings write them, so many in so many seconds; and waits."""

from dataclasses import dataclass

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in any `seconds`."""

    most: int
    seconds: float

    def __str__(self) -> str:
        """As `parsed` reads it."""
        return f"{self.most}/{self.seconds}"


def parsed(text: str) -> tuple[Limit, ...]:
    """`15/900, 1440/86400`: 15 in 900 seconds, and 1,440 in a day. Empty: no limit. Raises
    ValueError."""
    return tuple(_one(part.strip()) for part in text.split(",") if part.strip())


def _one(text: str) -> Limit:
    most, _, seconds = text.partition("/")
    try:
        limit = Limit(int(most), float(seconds))
    except ValueError as error:
        raise ValueError(f"{text!r} is no limit: write it as 15/900, 15 in 900 seconds") from error
    if limit.most < 1 or not 0 < limit.seconds <= 366 * _DAY:
        raise ValueError(f"{text!r} is no limit: at least 1, in up to a year of seconds")
    return limit


def waits(text: str) -> tuple[float, ...]:
    """`5, 15, 60`: seconds, at least one wait, each of at most a day. Raises ValueError."""
    try:
        found = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found or not all(0 < wait <= _DAY for wait in found):
        raise ValueError("must be seconds, more than 0 and at most a day each, as 5,15,60")
    return found
