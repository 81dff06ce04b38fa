"""One subscription's line: what is to be told, in the log's order, and how far it was told.

The log itself is the queue. What is durable is a cursor (the first event that was not taken) with
the state of its retries; what is in memory is a short piece of the log behind it, at most
MOST_PENDING events, so that a receiver that is dead for days costs as little as one for a minute.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from schemas.hooks import HookRecord
from streams.settings import Settings

MOST_PENDING = 64
"""Events in memory for one subscription: about 40 kB."""

_SPREAD = 0.2
_GONE = 410
_LONGEST_ASKED_SECONDS = 3600.0

Step = Literal["retry", "give_up", "disable"]


@dataclass(frozen=True, slots=True)
class Pending:
    """One webhook, ready to be signed."""

    offset: int
    event_id: str
    event_type: str
    body: bytes = field(repr=False)
    value: bytes = field(repr=False)
    """The record as it stands on the log, for a failure."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is durable. Instants in ms since 1970."""

    offset: int
    """The first that was not taken."""
    attempts: int = 0
    """Of the event there."""
    tried_since: int | None = None
    """The first attempt of that event."""
    failing_since: int | None = None
    """The first attempt after which nothing was taken."""
    not_before: int = 0

    def to_list(self) -> list[int | None]:
        return [self.offset, self.attempts, self.tried_since, self.failing_since, self.not_before]

    def to_bytes(self) -> bytes:
        return orjson.dumps(self.to_list())

    @classmethod
    def first_of(cls, hook: HookRecord, log: str) -> "Cursor":
        """Where a subscription begins. One of an earlier log: all that is on this one came later,
        or was put back from the archive, which nobody is told."""
        if hook.log != log:
            return cls(0)
        if hook.resumed is None:
            return cls(hook.from_offset)
        was = hook.resumed
        return cls(
            hook.from_offset, was.attempts, was.tried_since, was.failing_since, was.not_before
        )

    @classmethod
    def from_bytes(cls, value: bytes) -> "Cursor":
        return cls(*orjson.loads(value))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a refused event is tried again, and when nothing is tried any more."""

    waits: Sequence[float]
    give_up: timedelta
    disable: timedelta
    jitter: random.Random

    @classmethod
    def of(cls, settings: Settings, jitter: random.Random) -> "Schedule":
        return cls(
            settings.hook_retry_seconds,
            timedelta(hours=settings.hook_give_up_hours),
            timedelta(hours=settings.hook_disable_hours),
            jitter,
        )

    def wait_ms(self, attempts: int, asked: float | None) -> int:
        """After so many attempts (1: the first). A receiver may ask for more, up to an hour."""
        wait = self.waits[min(attempts, len(self.waits)) - 1]
        wait *= self.jitter.uniform(1 - _SPREAD, 1 + _SPREAD)
        return round(max(wait, min(asked or 0.0, _LONGEST_ASKED_SECONDS)) * 1000)

    def step(self, cursor: Cursor, status: int | None, now: int) -> Step:
        """What follows an attempt that was not taken; `cursor` counts it already."""
        failing = now - (now if cursor.failing_since is None else cursor.failing_since)
        if status == _GONE or failing >= self.disable.total_seconds() * 1000:
            return "disable"
        tried = now - (now if cursor.tried_since is None else cursor.tried_since)
        return "give_up" if tried >= self.give_up.total_seconds() * 1000 else "retry"


@dataclass(slots=True, eq=False)
class Lane:
    """`position`: the offset up to which the log was looked through. What is between `cursor` and
    there is in `pending`."""

    hook: HookRecord
    cursor: Cursor
    position: int
    saved: Cursor | None = None
    pending: deque[Pending] = field(default_factory=deque)
    delivering: Any = None
    """The task that does, while there is something to deliver."""
    is_attempting: bool = False
    """A request is under way."""
    served: int = 0
    """When the reader last read for it; orders those that are behind."""

    @property
    def until(self) -> int | None:
        """Where the range of a replay ends."""
        return self.hook.replay.until_offset if self.hook.replay is not None else None

    @property
    def is_over(self) -> bool:
        """A replay that has told all of its range."""
        return self.until is not None and self.position >= self.until and not self.pending

    @property
    def has_room(self) -> bool:
        return len(self.pending) < MOST_PENDING

    @property
    def is_hungry(self) -> bool:
        return len(self.pending) <= MOST_PENDING // 2

    def taken(self) -> None:
        """The head was, or it was given up: the next is the first that was not."""
        self.pending.popleft()
        self.cursor = Cursor(self.next_offset())

    def given_up(self) -> None:
        """The next one has its own attempts; that nothing is taken stays known."""
        failing = self.cursor.failing_since
        self.pending.popleft()
        self.cursor = Cursor(self.next_offset(), failing_since=failing)

    def refused(self, began: int, wait_until: int) -> None:
        old = self.cursor
        self.cursor = Cursor(
            old.offset,
            old.attempts + 1,
            old.tried_since if old.tried_since is not None else began,
            old.failing_since if old.failing_since is not None else began,
            wait_until,
        )

    def looked_through(self, position: int) -> None:
        """Nothing for it stands before `position`, beside what is pending."""
        self.position = position
        if not self.pending and not self.cursor.attempts:
            failing = self.cursor.failing_since
            self.cursor = Cursor(position, failing_since=failing)

    def next_offset(self) -> int:
        return self.pending[0].offset if self.pending else self.position


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
