"""Whether a worker makes progress: what liveness means. Pure, but for the clock it is given.

A process that answers is not yet one that works: an agent that hangs leaves the event loop turning
and the heartbeats going, so its partitions stay with it, and nobody else reads them.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Position(NamedTuple):
    committed: int
    """The offset after the last record that is done."""
    end: int
    """The offset after the last record of the partition."""


@dataclass(slots=True)
class Progress:
    """Told often of all positions, it knows for how long each has been behind and not moved."""

    patience: float
    """Seconds without a commit, with records to read, after which a partition stands still."""
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Hashable, tuple[int, float]] = field(default_factory=dict)
    """Partitions with lag: the committed offset, and since when it is that."""
    _excused_until: float = 0.0
    _looked_at: float | None = None

    def look(self, positions: Mapping[Hashable, Position]) -> dict[Hashable, float]:
        """Seconds that each has stood still; 0 where nothing is left or something was committed."""
        now = self.clock()
        self._looked_at = now
        seen: dict[Hashable, tuple[int, float]] = {}
        for place, at in positions.items():
            if at.end > at.committed:
                committed, since = self._seen.get(place, (at.committed, now))
                seen[place] = (at.committed, since if committed == at.committed else now)
        self._seen = seen
        return {place: now - seen[place][1] if place in seen else 0.0 for place in positions}

    def excuse(self) -> None:
        """A server is away and is tried again: a new process would only wait for it too."""
        self._excused_until = self.clock() + self.patience

    @property
    def standing_still(self) -> list[Hashable]:
        """Partitions that are not worked on, though nothing outside explains it."""
        now = self.clock()
        if now < self._excused_until:
            return []
        return [place for place, (_, since) in self._seen.items() if now - since > self.patience]

    @property
    def is_looking(self) -> bool:
        """False where nobody has looked for long: the event loop does not turn."""
        return self._looked_at is None or self.clock() - self._looked_at < self.patience
