"""One partition on its way into the archive: buffer, cut, insert, acknowledge. Knows no Faust.

One insert is in flight per partition: two could leave a hole below the high-water mark.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from sinks.archive import LogRecord, cut

log = structlog.get_logger()

Acknowledge = Callable[[], Awaitable[object]]

# Rows are visible within about this time at a low rate; at a high one the insert under way is
# what a batch waits for, so batches grow by themselves up to the archive's limits.
LINGER_SECONDS = 0.4
# Two full inserts: one on its way, one being filled. More only delays the back-pressure.
BUFFERED_RECORDS = 100_000
CLOSE_GRACE_SECONDS = 5.0


class Insert(Protocol):
    """Returns once the rows are in the archive; waits trouble out; raises on a bug."""

    async def __call__(self, partition: int, records: Sequence[LogRecord]) -> None: ...


class SinkPartition:
    def __init__(
        self,
        partition: int,
        *,
        mark: int | None,
        insert: Insert,
        on_failure: Callable[[BaseException], None],
        linger: float = LINGER_SECONDS,
    ) -> None:
        """`mark`: the highest offset that the archive already has of this log and partition.

        `on_failure` hears of what ended the inserting, at once: nobody may be putting just then.
        """
        self._partition = partition
        self._mark = -1 if mark is None else mark
        self._insert = insert
        self._linger = linger
        self._records: list[LogRecord] = []
        self._acknowledge: list[Acknowledge] = []
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._closing = False
        self._on_failure = on_failure
        self._working = asyncio.create_task(self._work())
        self._working.add_done_callback(self._report)

    async def put(self, records: Sequence[LogRecord], acknowledge: Acknowledge) -> None:
        """Buffers a batch; waits while the buffer is full. Raises what ended the inserting."""
        while len(self._records) >= BUFFERED_RECORDS and not self._working.done():
            self._drained.clear()
            waiting = asyncio.ensure_future(self._drained.wait())
            await asyncio.wait({waiting, self._working}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if self._working.done() and not self._closing:
            self._working.result()
        self._records.extend(r for r in records if r.offset > self._mark)
        self._acknowledge.append(acknowledge)
        self._filled.set()

    async def close(self) -> None:
        """Lets an insert under way end (bounded) and drops what is only buffered: it is not
        acknowledged, so the next owner reads it again."""
        self._closing = True
        self._filled.set()
        _done, pending = await asyncio.wait({self._working}, timeout=CLOSE_GRACE_SECONDS)
        if pending:
            log.warning("insert_abandoned", partition=self._partition, remedy="none needed")
            self._working.cancel()

    async def _work(self) -> None:
        while True:
            await self._filled.wait()
            if not self._closing:
                await asyncio.sleep(self._linger)
            if self._closing:
                return
            self._filled.clear()
            records, self._records = self._records, []
            acknowledge, self._acknowledge = self._acknowledge, []
            for rows in cut(records):
                await self._insert(self._partition, rows)
                self._mark = rows[-1].offset
            self._drained.set()
            for done in acknowledge:
                await done()

    def _report(self, working: "asyncio.Task[None]") -> None:
        if not working.cancelled() and (failure := working.exception()):
            self._on_failure(failure)
