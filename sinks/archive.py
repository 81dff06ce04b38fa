"""The archive's writer: each record of the log is there exactly once, as a reader sees it.

Three guards, each for what the others miss (tests/pipeline/test_archive.py shows each alone):

1. the high-water mark: what is at or below `high_water_mark` was acknowledged, skip it;
2. the insert token: a range that is sent again, because its fate was unknown, lands once;
3. identity: the tables are ReplacingMergeTree, so what a zombie or a re-cut range doubled is one
   row under FINAL.

What was erased stays so, whoever inserts it again: erasure.py looks after each insert.

Files that can break it: this one, rows.py (the same records must give the same rows), and
migrations/0001 (order keys and the deduplication window).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Literal, TypeVar

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from sinks.delivery_rows import delivery_columns
from sinks.erasure import Eraser, Range, erasures_in
from sinks.errors import (
    ArchiveAhead,
    ArchiveError,
    ArchiveUnavailable,
    DoesNotFit,
    TooManyParts,
    classified,
)
from sinks.rows import (
    DELIVERY_LOG,
    EVENT_LOG,
    EVENTS,
    FAILURE_LOG,
    Columns,
    Data,
    LogRecord,
    event_columns,
    failure_columns,
)

MAX_ROWS = 50_000
MAX_BYTES = 16 * 1024 * 1024
"""Of keys and values. One insert into one partition of a table is atomic up to 1,048,449 rows or
256 MB (measured: 200,000 rows of 2 kB came apart); this stays far below."""
MAX_SECONDS = 1.0
"""How long the caller gathers a batch: so rows show within about a second, and parts stay few."""

_LONGEST_WAIT = 30.0

T = TypeVar("T")

Kind = Literal["events", "failures", "deliveries"]
_TABLES: dict[Kind, str] = {
    "events": EVENT_LOG.table,
    "failures": FAILURE_LOG.table,
    "deliveries": DELIVERY_LOG.table,
}


class Archive:
    """Writes one topic of one incarnation of the log. For any number of partitions, but one insert
    in flight per partition: that is the caller's duty.

    `client` is shared between threads (see clickhouse.connect).
    """

    def __init__(
        self, client: Client, *, log: str, topic: str, kind: Kind = "events", database: str = "dm"
    ) -> None:
        self._client = client
        self._log = log
        self._topic = topic
        self._kind = kind
        self._database = database
        self._eraser = Eraser(client, database)
        self._types = {
            columns.table: [get_from_name(name) for name in columns.types]
            for columns in (EVENT_LOG, EVENTS, FAILURE_LOG, DELIVERY_LOG)
        }

    async def high_water_mark(self, partition: int) -> int | None:
        """The highest offset of the partition that the archive has; None for none.

        Guard 1. Read it when the partition is assigned, and skip what is at or below it. Raises
        ArchiveError.
        """
        return await asyncio.to_thread(self._high_water_mark, partition)

    async def finish_erasures(self) -> int:
        """Carries out what an earlier owner of a partition left of `correspondent.erased`; the
        number of conversations. Call it when a partition is assigned. Raises ArchiveError."""
        return await asyncio.to_thread(self._eraser.finish)

    async def insert(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Inserts one range: consecutive records of the partition, as they were read (offsets may
        have gaps, where Kafka compacted or aborted). At most what `cut` gives.

        Returns once it is durable as far as the server tells. Raises ArchiveError; after
        ArchiveUnavailable send the same records again. Rows are made in a thread.
        """
        if not records:
            return
        await asyncio.to_thread(self._insert, partition, records)

    def token(self, partition: int, records: Sequence[LogRecord]) -> str:
        """Guard 2. A function of the range alone: the engine drops a second insert under a token
        without looking at its rows (measured), so a range must never stand for other rows."""
        first, last = records[0].offset, records[-1].offset
        return f"{self._log}:{self._topic}:{partition}:{first}-{last}"

    def _high_water_mark(self, partition: int) -> int | None:
        table = _TABLES[self._kind]
        try:
            rows = self._client.query(
                f"SELECT max(_offset), count() FROM {self._database}.{table}"
                " WHERE _log = {log:String} AND _topic = {topic:String}"
                " AND _partition = {partition:UInt32}",
                parameters={"log": self._log, "topic": self._topic, "partition": partition},
            ).result_rows
        except (ClickHouseError, OSError) as error:
            raise classified(error, table=f"{self._database}.{table}") from error
        highest, count = rows[0]
        return int(highest) if count else None

    def _insert(self, partition: int, records: Sequence[LogRecord]) -> None:
        token = self.token(partition, records)
        written = Range(self._log, self._topic, partition, records[0].offset, records[-1].offset)
        if self._kind == "deliveries":
            deliveries = delivery_columns(self._log, self._topic, records)
            self._send(DELIVERY_LOG, self._packed(DELIVERY_LOG, deliveries), token)
            return
        if self._kind == "failures":
            failures = failure_columns(self._log, self._topic, records)
            self._send(FAILURE_LOG, self._packed(FAILURE_LOG, failures), token)
            self._eraser.after_failures(records, written)
            return
        try:
            logged, happened, blocks = self._event_blocks(records, strict=False)
        except DoesNotFit:
            # A value of a wrong type somewhere in the batch: find it, and let the rest pass.
            logged, happened, blocks = self._event_blocks(records, strict=True)
        erasures = erasures_in(happened)
        self._eraser.note(erasures)
        # This order: the mark is read from event_log, so a record must not be there before it is
        # in `events`. A materialized view would be filled after its source, and a crash between
        # the two would leave a hole that the mark skips for ever. What a kill leaves in `events`
        # alone is read from the log again, or, where the log is forgotten, by unlogged.py.
        for columns, block in zip((EVENTS, EVENT_LOG), blocks, strict=True):
            self._send(columns, block, token)
        self._eraser.carry_out(erasures)
        self._eraser.after_events(logged, written)

    def _event_blocks(
        self, records: Sequence[LogRecord], *, strict: bool
    ) -> tuple[Data, Data, tuple[bytes, bytes]]:
        logged, happened = event_columns(self._log, self._topic, records, strict=strict)
        blocks = self._packed(EVENTS, happened), self._packed(EVENT_LOG, logged)
        return logged, happened, blocks

    def _packed(self, columns: Columns, data: Data) -> bytes:
        """The insert statement and its rows, whole before anything is sent: a row that does not
        fit must not be found when half of the batch is on its way."""
        if not data[0]:
            return b""
        context = InsertContext(
            f"{self._database}.{columns.table}",
            columns.names,
            self._types[columns.table],
            data,
            column_oriented=True,
            compression=self._client.write_compression,
        )
        block = b"".join(NativeTransform.build_insert(context))
        if context.insert_exception is not None:
            raise DoesNotFit(columns.table, context.column_name or "?") from None
        return block

    def _send(self, columns: Columns, block: bytes, token: str) -> None:
        if not block:
            return
        try:
            self._client.raw_insert(
                "",  # the statement stands before the rows
                insert_block=block,
                compression=self._client.write_compression,
                settings={"insert_deduplication_token": token, "async_insert": 0},
            )
        except (ClickHouseError, OSError) as error:
            # `from None`: the client's own text may quote a row.
            raise classified(error, table=f"{self._database}.{columns.table}") from None


async def insert_until_acknowledged(
    archive: Archive,
    partition: int,
    records: Sequence[LogRecord],
    *,
    sleep: Callable[[float], Awaitable[None]],
    on_trouble: Callable[[ArchiveUnavailable, int, float], None],
    jitter: random.Random,
) -> None:
    """Sends the range until a definite answer comes. Raises ArchiveRefused."""
    await until_available(
        lambda: archive.insert(partition, records),
        sleep=sleep,
        on_trouble=on_trouble,
        jitter=jitter,
    )


async def until_available(
    ask: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]],
    on_trouble: Callable[[ArchiveUnavailable, int, float], None],
    jitter: random.Random,
) -> T:
    """Asks again until there is an answer. Raises ArchiveRefused.

    `on_trouble` hears of each failed attempt: the error, its number from 1, the seconds until the
    next: for metrics, and to pause the partition. Waits double from the error's `retry_after` to
    30 s, each between half and all of it, so that many workers don't come back at once.
    """
    attempt = 0
    while True:
        try:
            return await ask()
        except ArchiveUnavailable as trouble:
            attempt += 1
            longest = min(_LONGEST_WAIT, trouble.retry_after * 2 ** min(attempt - 1, 16))
            wait = longest * jitter.uniform(0.5, 1.0)
            on_trouble(trouble, attempt, wait)
            await sleep(wait)


def cut(records: Sequence[LogRecord]) -> Iterator[Sequence[LogRecord]]:
    """Splits into ranges of at most MAX_ROWS and MAX_BYTES: the same list, the same ranges.

    A single larger record is a range of its own.
    """
    start = 0
    size = 0
    for index, record in enumerate(records):
        length = len(record.value or b"") + len(record.key or b"")
        if index > start and (index - start >= MAX_ROWS or size + length > MAX_BYTES):
            yield records[start:index]
            start, size = index, 0
        size += length
    if start < len(records):
        yield records[start:]


def refuse_if_ahead(mark: int | None, end_offset: int, *, topic: str, partition: int) -> None:
    """Guard 1's other half: a mark at or beyond the end of the partition (`end_offset` is the next
    offset to be written) means a recreated topic or the wrong cluster. Raises ArchiveAhead."""
    if mark is not None and mark >= end_offset:
        raise ArchiveAhead(
            f"the archive has offset {mark} of {topic}/{partition}, whose end is {end_offset}: "
            "the topic was made anew or DM_KAFKA names another cluster; "
            "nothing is written until that is clear"
        )


__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "MAX_SECONDS",
    "Archive",
    "ArchiveError",
    "LogRecord",
    "TooManyParts",
    "cut",
    "insert_until_acknowledged",
    "refuse_if_ahead",
    "until_available",
]
