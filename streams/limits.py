"""A limit as settings write it: so many in so many seconds."""

from dataclasses import dataclass


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
    if limit.most < 1 or not 0 < limit.seconds <= 366 * 86_400:
        raise ValueError(f"{text!r} is no limit: at least 1, in up to a year of seconds")
    return limit
