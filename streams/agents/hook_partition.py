"""One partition's subscriptions: each delivers on its own, all are fed by the log. Knows no Faust.

Two sources feed a lane: the worker's stream, as long as the lane keeps up, and `read`, which reads
the log from where a lane stands that did not (its line is full, it was made a moment ago, or the
worker has just started). A lane takes each offset once, from whichever comes first.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError

from schemas.events import parse_event
from schemas.hooks import HookRecord
from schemas.topics import EventHeader
from streams.agents.hook_lane import Cursor, Lane, Pending
from streams.hooks.payloads import KINDS, body_of

_log = structlog.get_logger()

Read = Callable[[int, int], Awaitable[Sequence[Any]]]
"""Partition and offset to records from there on; empty where none came in a while."""
Deliver = Callable[["HookPartition", Lane], Coroutine[Any, Any, None]]

_KINDS = tuple(kind.encode() for kind in KINDS)
_IDLE_PROGRESS = 1_000
"""A cursor that only moved past others' events is saved after so many: what a start reads again."""
_PAUSE_SECONDS = 0.5
STOP_SECONDS = 1.0
"""Below the patience of who stops a worker, and of a rebalance."""


@dataclass(slots=True)
class HookPartition:
    number: int
    end: int
    """The offset after the last record that is known."""
    log: str
    read: Read
    deliver: Deliver
    lanes: dict[str, Lane] = field(default_factory=dict)
    closing: bool = False
    _by_profile: dict[bytes, list[Lane]] = field(default_factory=lambda: defaultdict(list))
    _taken: int | None = None
    """The offset after the last record of the stream."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: "asyncio.Task[None] | None" = None
    _turn: int = 0

    def start(self) -> "asyncio.Task[None]":
        """The task that feeds those that are behind; it ends with `stop`, or with an error."""
        self._reading = asyncio.create_task(self._feed_those_behind())
        return self._reading

    async def stop(self) -> None:
        """No attempt begins any more. Those under way have a moment to end; what is cut then is
        delivered again by the next owner."""
        self.closing = True
        if self._reading is not None:
            self._reading.cancel()
        attempting = [lane.delivering for lane in self.lanes.values() if lane.is_attempting]
        if attempting:
            await asyncio.wait(attempting, timeout=STOP_SECONDS)
        tasks = [lane.delivering for lane in self.lanes.values() if lane.delivering is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *filter(None, [self._reading]), return_exceptions=True)

    def adopt(self, hook: HookRecord, cursor: Cursor | None) -> None:
        """A subscription, as it is now. `cursor`: what is durable of it."""
        lane = self.lanes.get(hook.hook_id)
        if lane is not None and hook.updated_at < lane.hook.updated_at:
            return  # what this worker wrote itself is not read back yet
        if not hook.is_working:
            if lane is not None:
                self._drop(lane)
            return
        if lane is not None:
            lane.hook = hook
            return
        if cursor is None or (hook.log == self.log and cursor.offset < hook.from_offset):
            # New, or made again since. Of an earlier log: all that is on this one came later, or
            # was put back from the archive, which nobody is told.
            cursor = Cursor(hook.from_offset if hook.log == self.log else 0)
        lane = Lane(hook, cursor, position=cursor.offset)
        self.lanes[hook.hook_id] = lane
        self._by_profile[hook.profileid.encode()].append(lane)
        self._wake.set()

    def take(self, records: Sequence[Any]) -> None:
        """A batch of the stream."""
        first, after = records[0].offset, records[-1].offset + 1
        begin = first if self._taken is None else min(first, self._taken)
        self._taken, self.end = after, max(self.end, after)
        self._offer(self.lanes.values(), records, begin, after)
        self._wake.set()

    def wake(self) -> None:
        """A lane has room again."""
        self._wake.set()

    def idle_progress(self) -> list[Lane]:
        """Those whose cursor moved on without a delivery, far enough to be saved."""
        return [
            lane
            for lane in self.lanes.values()
            if lane.saved is None or lane.cursor.offset - lane.saved.offset >= _IDLE_PROGRESS
        ]

    def _drop(self, lane: Lane) -> None:
        del self.lanes[lane.hook.hook_id]
        self._by_profile[lane.hook.profileid.encode()].remove(lane)
        if lane.delivering is not None and lane.delivering is not asyncio.current_task():
            lane.delivering.cancel()

    async def _feed_those_behind(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (lane := self._next_behind()) is not None:
                self._turn += 1
                lane.served = self._turn
                begin = lane.position
                records = await self.read(self.number, begin)
                if not records:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                # Where retention has removed what stood there, what is left is told.
                self._offer(self.lanes.values(), records, begin, records[-1].offset + 1)

    def _next_behind(self) -> Lane | None:
        behind = [
            lane for lane in self.lanes.values() if lane.position < self.end and lane.is_hungry
        ]
        return min(behind, key=lambda lane: lane.served, default=None)

    def _offer(self, lanes: Iterable[Lane], records: Sequence[Any], begin: int, after: int) -> None:
        """To those who have come so far and no farther."""
        ready = [lane for lane in lanes if begin <= lane.position < after]
        if not ready:
            return
        profiles = {lane.hook.profileid.encode() for lane in ready}
        full: set[str] = set()
        for record in records:
            if record.key not in profiles or not _is_told(record):
                continue
            for lane in self._by_profile[record.key]:
                if lane.hook.hook_id in full or not begin <= lane.position <= record.offset:
                    continue
                if not lane.has_room:
                    full.add(lane.hook.hook_id)
                    lane.position = record.offset
                    continue
                pending = _pending(record, lane.hook)
                if pending is not None:
                    lane.pending.append(pending)
                lane.position = record.offset + 1
        for lane in ready:
            if lane.hook.hook_id not in full:
                lane.looked_through(max(lane.position, after))
            self._deliver(lane)

    def _deliver(self, lane: Lane) -> None:
        if lane.pending and lane.delivering is None and not self.closing:
            lane.delivering = asyncio.create_task(self.deliver(self, lane))


def _is_told(record: Any) -> bool:
    """Cheap, for most records are of no interest: parsing decides."""
    value = record.value
    if value is None or not any(kind in value for kind in _KINDS):
        return False
    return all(name != EventHeader.RESTORED_FROM for name, _ in record.headers or ())


def _pending(record: Any, hook: HookRecord) -> Pending | None:
    with contextlib.suppress(ValidationError):  # the history worker tells of it
        event = parse_event(record.value)
        body = body_of(event, hook)
        if body is not None:
            return Pending(record.offset, event.id, event.type, body, record.value)
    return None
