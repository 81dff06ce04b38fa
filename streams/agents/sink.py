"""One topic on its way into the archive: gather, pack, insert, acknowledge. Knows no Faust.

All partitions together, since an insert of few rows costs the engine as much as one of a thousand
(decision 30). One insert is in flight: two could leave a hole below a partition's high-water mark.
The next batch is packed meanwhile, once there are records enough for a full one.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from sinks.archive import LogRecord, Packed
from sinks.packing import MAX_BYTES, MAX_ROWS, cut, size_of

log = structlog.get_logger()

Acknowledge = Callable[[], Awaitable[object]]

PACE_SECONDS = 0.4
"""Between the beginnings of two inserts that are not full: so rows are visible within about this
time, and parts stay few."""
_TOGETHER_SECONDS = 0.02
"""What was written together, to several partitions, is read within this."""
BUFFERED_RECORDS = 2 * MAX_ROWS
BUFFERED_BYTES = 2 * MAX_BYTES
"""Beside the batch that is inserted and the one that is packed: more only delays back-pressure."""
CLOSE_GRACE_SECONDS = 5.0
BEHIND_SECONDS = 2.0
"""So long after a batch that was half full a sink counts as behind."""


class Writer(Protocol):
    async def pack(self, records: Sequence[LogRecord]) -> Packed: ...

    async def insert(self, packed: Packed) -> None:
        """Returns once the rows are in the archive; waits trouble out; raises on a bug."""


class _Delivery(NamedTuple):
    records: Sequence[LogRecord]
    size: int
    """Bytes."""
    acknowledge: Acknowledge


class Sink:
    def __init__(
        self,
        writer: Writer,
        *,
        on_failure: Callable[[BaseException], None],
        pace: float = PACE_SECONDS,
    ) -> None:
        """`on_failure` hears of what ended the inserting, at once: nobody may be putting just
        then."""
        self._writer = writer
        self._pace = pace
        self._on_failure = on_failure
        self._failure: BaseException | None = None
        self._marks: dict[int, int] = {}
        self._deliveries: deque[_Delivery] = deque()
        self._rows = 0
        self._bytes = 0
        self._filled, self._full, self._drained = (asyncio.Event() for _ in range(3))
        self._closed = False
        self._much_at = -math.inf
        self._inserting: asyncio.Task[None] = asyncio.create_task(_nothing())
        self._working = asyncio.create_task(self._work())
        self._working.add_done_callback(self._report)

    def follow(self, partition: int, mark: int | None) -> None:
        """`mark`: the highest offset that the archive already has of this log and partition."""
        self._marks[partition] = -1 if mark is None else mark

    def follows(self, partition: int) -> bool:
        return partition in self._marks

    def is_behind(self) -> bool:
        """Whether more comes than leaves at the usual pace: a backlog, mostly."""
        return time.monotonic() - self._much_at < BEHIND_SECONDS

    async def put(self, records: Sequence[LogRecord], acknowledge: Acknowledge) -> None:
        """Buffers records of one partition that is followed; waits while the buffer is full.
        Raises what ended the inserting."""
        while self._holds(BUFFERED_RECORDS, BUFFERED_BYTES) and not (self._failure or self._closed):
            self._drained.clear()
            await self._drained.wait()
        if self._failure:
            raise self._failure
        partition = records[0].partition
        mark = self._marks[partition]
        fresh = records
        if records[0].offset <= mark:
            fresh = [record for record in records if record.offset > mark]
        self._marks[partition] = max(mark, records[-1].offset)
        self._deliveries.append(_Delivery(fresh, sum(map(size_of, fresh)), acknowledge))
        self._count(self._deliveries[-1], 1)
        self._filled.set()
        if self._holds(MAX_ROWS, MAX_BYTES):
            self._full.set()

    async def close(self) -> None:
        """Lets an insert under way end (bounded) and drops what is only buffered: it is not
        acknowledged, so the next owner reads it again."""
        self._closed = True
        self._drained.set()
        self._working.cancel()
        _done, pending = await asyncio.wait({self._inserting}, timeout=CLOSE_GRACE_SECONDS)
        if pending:
            log.warning("insert_abandoned", remedy="none needed")
            self._inserting.cancel()

    def _holds(self, rows: int, size: int) -> bool:
        return self._rows >= rows or self._bytes >= size

    def _count(self, delivery: _Delivery, sign: int) -> None:
        self._rows += sign * len(delivery.records)
        self._bytes += sign * delivery.size

    async def _work(self) -> None:
        due = 0.0
        while True:
            await self._gather(due)
            if self._holds(MAX_ROWS // 2, MAX_BYTES // 2):
                self._much_at = time.monotonic()
            deliveries = self._take()
            records = [record for one in deliveries for record in one.records]
            # More than one delivery fits into one insert.
            parts = cut(records) if len(deliveries) == 1 else [records]
            batches = [await self._writer.pack(rows) for rows in parts]
            await asyncio.wait({self._inserting})
            self._inserting.result()
            due = time.monotonic() + self._pace
            self._inserting = asyncio.create_task(self._insert(batches, deliveries))
            self._inserting.add_done_callback(self._report)

    async def _gather(self, due: float) -> None:
        """Until there is a full batch; or any, when nothing is being inserted and it is due."""
        await self._filled.wait()
        full = asyncio.ensure_future(self._full.wait())
        try:
            await asyncio.wait({full, self._inserting}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({full}, timeout=max(_TOGETHER_SECONDS, due - time.monotonic()))
        finally:
            full.cancel()

    def _take(self) -> list[_Delivery]:
        """As many as fit into one insert; one at least, which `cut` may have to cut."""
        taken = [self._deliveries.popleft()]
        rows, size = len(taken[0].records), taken[0].size
        while self._deliveries:
            rows += len(self._deliveries[0].records)
            size += self._deliveries[0].size
            if rows > MAX_ROWS or size > MAX_BYTES:
                break
            taken.append(self._deliveries.popleft())
        for one in taken:
            self._count(one, -1)
        if not self._deliveries:
            self._filled.clear()
        if not self._holds(MAX_ROWS, MAX_BYTES):
            self._full.clear()
        self._drained.set()
        return taken

    async def _insert(self, batches: Sequence[Packed], deliveries: Sequence[_Delivery]) -> None:
        for packed in batches:
            await self._writer.insert(packed)
        for one in deliveries:
            await one.acknowledge()

    def _report(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        failure = task.exception()
        if failure and not self._failure:
            self._failure = failure
            self._drained.set()
            self._on_failure(failure)


async def _nothing() -> None:
    return None
