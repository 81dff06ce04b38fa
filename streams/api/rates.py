"""How many requests a key may make to a profile in a period. Each gateway counts for itself."""

from collections import OrderedDict
from dataclasses import dataclass

_MOST_COUNTED = 100_000
"""Pairs of key and profile that are counted at once; then the oldest are forgotten."""


@dataclass(slots=True)
class _Count:
    began: float
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """As the headers tell it."""

    most: int
    count: int
    retry_after: float
    """Seconds until the period ends."""

    @property
    def is_over(self) -> bool:
        return self.count > self.most

    def headers(self) -> dict[str, str]:
        return {"x-ratelimit-max": str(self.most), "x-ratelimit-count": str(self.count)}


class RateLimiter:
    """Fixed periods from a pair's first request, since that is what clients of Ayrshare know."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def count(self, key_id: str, profile: str, most: int | None, now: float) -> Rate:
        """One more request at `now` (monotonic seconds), the one that is over the limit too."""
        pair = (key_id, profile)
        found = self._counts.get(pair)
        if found is None or now - found.began >= self._seconds:
            found = self._counts[pair] = _Count(now)
            self._counts.move_to_end(pair)
            while len(self._counts) > _MOST_COUNTED:
                self._counts.popitem(last=False)
        found.requests += 1
        return Rate(most or self._most, found.requests, self._seconds - (now - found.began))
