"""One partition's subscriptions: each delivers on its own, all are fed by the log. Knows no Faust.

Two sources feed a lane: the worker's stream, as long as the lane keeps up, and `read`, which reads
the log from where a lane stands that did not (its line is full, it was made a moment ago, or the
worker has just started). A lane takes each offset once, from whichever comes first.

What is read from where a lane stands may have been erased since: so the log behind it is looked
through for erasures first, up to what is known already.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from pydantic import ValidationError

from schemas.events import parse_event
from schemas.hooks import HookRecord
from schemas.topics import EventHeader
from sinks.redaction import without_content
from streams.agents.hook_lane import Cursor, Lane, Pending
from streams.hooks.erasures import Erasures
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
    over: Callable[["HookPartition", Lane], None] = lambda *_: None
    """Is told of each replay that has told its range."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    closing: bool = False
    _by_profile: dict[bytes, list[Lane]] = field(default_factory=lambda: defaultdict(list))
    _taken: int | None = None
    """The offset after the last record of the stream."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: "asyncio.Task[None] | None" = None
    _turn: int = 0
    _erasures: Erasures = field(default_factory=Erasures)
    _known_from: int = 0
    """All erasures from there to the end of the log are known."""
    _looking: tuple[int, int] | None = None
    """What is being looked through for more: from where, and how far it is."""

    def __post_init__(self) -> None:
        self._known_from = self.end  # what comes behind it comes by the stream

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
            cursor = Cursor.first_of(hook, self.log)  # new, or made again since
        lane = Lane(hook, cursor, position=cursor.offset)
        self.lanes[hook.hook_id] = lane
        self._by_profile[hook.profileid.encode()].append(lane)
        self._wake.set()
        self._deliver(lane)  # a replay may have nothing to tell

    def take(self, records: Sequence[Any]) -> None:
        """A batch of the stream."""
        first, after = records[0].offset, records[-1].offset + 1
        begin = first if self._taken is None else min(first, self._taken)
        self._taken, self.end = after, max(self.end, after)
        self._forget_what_was_erased(records)
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

    def _forget_what_was_erased(self, records: Sequence[Any]) -> None:
        """Also of what is in memory already."""
        if not self._erasures.note(records):
            return
        for lane in self.lanes.values():
            lane.pending = deque(
                self._pending(one.offset, one.value, lane.hook) or replace(one, body=b"{}")
                for one in lane.pending
            )

    async def _feed_those_behind(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (lane := self._next_behind()) is not None:
                self._turn += 1
                lane.served = self._turn
                begin = lane.position
                if begin < self._known_from:
                    await self._look_ahead()
                    continue
                records = await self.read(self.number, begin)
                if not records:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                # Where retention has removed what stood there, what is left is told.
                self._offer(self.lanes.values(), records, begin, records[-1].offset + 1)

    async def _look_ahead(self) -> None:
        """One piece of the log: those that are nearest to the end are helped first, since one that
        is far behind may have days to be looked through."""
        if self._looking is None:
            stand = [lane.position for lane in self.lanes.values()]
            begin = max(place for place in stand if place < self._known_from)
            self._looking = (begin, begin)
        begin, at = self._looking
        records = await self.read(self.number, at)
        if not records:
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        self._forget_what_was_erased(records)
        self._looking = (begin, records[-1].offset + 1)
        if self._looking[1] >= self._known_from:
            self._known_from, self._looking = begin, None

    def _next_behind(self) -> Lane | None:
        behind = [
            lane
            for lane in self.lanes.values()
            if lane.position < min(self.end, lane.until or self.end) and lane.is_hungry
        ]
        return min(behind, key=lambda lane: lane.served, default=None)

    def _offer(self, lanes: Iterable[Lane], records: Sequence[Any], begin: int, after: int) -> None:
        """To those who have come so far and no farther."""
        ready = [lane for lane in lanes if max(begin, self._known_from) <= lane.position < after]
        if not ready:
            return
        profiles = {lane.hook.profileid.encode() for lane in ready}
        full: set[str] = set()
        for record in records:
            if record.key not in profiles or not _is_told(record):
                continue
            for lane in self._by_profile[record.key]:
                if lane.hook.hook_id in full or not self._takes(lane, record, begin):
                    continue
                if not lane.has_room:
                    full.add(lane.hook.hook_id)
                    lane.position = record.offset
                    continue
                pending = self._pending(record.offset, record.value, lane.hook)
                if pending is not None:
                    lane.pending.append(pending)
                lane.position = record.offset + 1
        for lane in ready:
            if lane.hook.hook_id not in full:
                lane.looked_through(max(lane.position, after))
            self._deliver(lane)

    def _takes(self, lane: Lane, record: Any, begin: int) -> bool:
        if not max(begin, self._known_from) <= lane.position <= record.offset:
            return False
        if lane.until is not None and record.offset >= lane.until:
            return False
        told_again = lane.hook.replay is not None or lane.hook.resumed is not None
        return told_again or not _was_put_back(record)

    def _pending(self, offset: int, value: bytes, hook: HookRecord) -> Pending | None:
        with contextlib.suppress(ValidationError):  # the history worker tells of it
            event = parse_event(value)
            replay = hook.replay
            if replay is not None and not replay.since <= event.receivedat < replay.until:
                return None
            if self._erasures.covers(event):
                value = without_content(value)
                event = parse_event(value)
            body = body_of(event, hook)
            if body is not None:
                return Pending(offset, event.id, event.type, body, value)
        return None

    def _deliver(self, lane: Lane) -> None:
        if lane.is_over and lane.delivering is None:
            self.over(self, lane)
        if lane.pending and lane.delivering is None and not self.closing:
            lane.delivering = asyncio.create_task(self.deliver(self, lane))


def _is_told(record: Any) -> bool:
    """Cheap, for most records are of no interest: parsing decides."""
    return record.value is not None and any(kind in record.value for kind in _KINDS)


def _was_put_back(record: Any) -> bool:
    return any(name == EventHeader.RESTORED_FROM for name, _ in record.headers or ())
