"""Outcomes of commands that nobody asks for any more, taken out of the state.

They go by the log's own time, the latest receipt that an event of the partition tells, so that a
worker that was away for a month and one that was not forget alike. What is due is gone from the
state's meaning already (`outcomes.is_gone`); here it leaves memory and changelog too, in pieces
beside the batches, and no task of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from streams.agents.state_table import Change
from streams.conversation import codec, outcomes
from streams.conversation.instants import HOUR

_PIECE = 1_000
"""Outcomes looked at with one batch: 5 ms (measured)."""


class OutcomeStore(Protocol):
    """The part of the state's table that is needed."""

    def get(self, key: bytes) -> bytes | None: ...

    def keys_of(self, partition: int) -> Iterable[bytes]: ...


@dataclass(slots=True)
class _Round:
    """One way through a partition's outcomes."""

    begun_at: int
    left: list[bytes]


@dataclass(slots=True)
class Forgetting:
    """Looks through each partition's outcomes once in an hour of the log's time, the oldest first,
    as far as they are over."""

    store: OutcomeStore
    _rounds: dict[int, _Round] = field(default_factory=dict)

    def due(self, partition: int, now: int) -> list[Change]:
        """Tombstones of outcomes that are over at `now` (ms, the log's time), for the changelog
        before the batch's own changes: one that the batch tells of anew is written after it."""
        found = self._rounds.get(partition)
        if found is None or now >= found.begun_at + HOUR:
            keys = [key for key in self.store.keys_of(partition) if key.startswith(OUTCOME)]
            found = self._rounds[partition] = _Round(now, keys)
        piece, found.left = found.left[:_PIECE], found.left[_PIECE:]
        over = [key for key in piece if is_over(key, self.store.get(key), now)]
        if not over:
            # A table keeps the order of first news, so what follows is younger still. One that is
            # not, because older news of it came late, goes when its turn comes, days later at most.
            found.left = []
        return [(key, None) for key in over]

    def forget(self) -> None:
        """Partitions were assigned anew."""
        self._rounds.clear()


OUTCOME = b"o"
"""The first byte of an outcome's key (streams.agents.working_set)."""


def is_over(key: bytes, value: bytes | None, now: int) -> bool:
    """Whether a key of the state holds an outcome that is gone by then."""
    if value is None or not key.startswith(OUTCOME):
        return False
    return outcomes.is_gone(codec.outcome_from_bytes(value), now)
