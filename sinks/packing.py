"""From a batch of records to the inserts that bring it, whole before anything is sent: a row that
does not fit must not be found when half of the batch is on its way.

So a batch can be packed while the one before it is inserted, and what is sent again is the same to
the byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from sinks.delivery_rows import delivery_columns
from sinks.erasure import Range
from sinks.errors import DoesNotFit
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

_TYPES = {
    columns.table: [get_from_name(name) for name in columns.types]
    for columns in (EVENT_LOG, EVENTS, FAILURE_LOG, DELIVERY_LOG)
}


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch on its way: `inserts` go in this order, each the statement and its rows."""

    records: Sequence[LogRecord]
    ranges: Sequence[Range]
    inserts: Sequence[tuple[Columns, bytes]]
    logged: Data
    """Columns of EVENT_LOG, of a batch of events."""
    happened: Data
    """Columns of EVENTS."""


class Packing:
    """Of one topic of one incarnation of the log. Methods take processor time: call them in a
    thread. Thread-safe."""

    def __init__(self, log: str, topic: str, *, database: str, compression: str | None) -> None:
        self._log = log
        self._topic = topic
        self._database = database
        self._compression = compression

    def events(self, records: Sequence[LogRecord]) -> Packed:
        try:
            return self._events(records, strict=False)
        except DoesNotFit:
            # A value of a wrong type somewhere in the batch: find it, and let the rest pass.
            return self._events(records, strict=True)

    def failures(self, records: Sequence[LogRecord]) -> Packed:
        block = self._block(FAILURE_LOG, failure_columns(self._log, self._topic, records))
        return Packed(records, self._ranges(records), [(FAILURE_LOG, block)], [], [])

    def deliveries(self, records: Sequence[LogRecord]) -> Packed:
        block = self._block(DELIVERY_LOG, delivery_columns(self._log, self._topic, records))
        return Packed(records, self._ranges(records), [(DELIVERY_LOG, block)], [], [])

    def _events(self, records: Sequence[LogRecord], *, strict: bool) -> Packed:
        logged, happened = event_columns(self._log, self._topic, records, strict=strict)
        # This order: the mark is read from event_log, so a record must not be there before it is
        # in `events`. A materialized view would be filled after its source, and a crash between
        # the two would leave a hole that the mark skips for ever. What a kill leaves in `events`
        # alone is read from the log again, or, where the log is forgotten, by unlogged.py.
        inserts = [(EVENTS, self._block(EVENTS, happened))] if happened[0] else []
        inserts.append((EVENT_LOG, self._block(EVENT_LOG, logged)))
        return Packed(records, self._ranges(records), inserts, logged, happened)

    def _ranges(self, records: Sequence[LogRecord]) -> list[Range]:
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for record in records:
            first.setdefault(record.partition, record.offset)
            last[record.partition] = record.offset
        return [
            Range(self._log, self._topic, number, first[number], last[number])
            for number in sorted(first)
        ]

    def _block(self, columns: Columns, data: Data) -> bytes:
        context = InsertContext(
            f"{self._database}.{columns.table}",
            columns.names,
            _TYPES[columns.table],
            data,
            column_oriented=True,
            compression=self._compression,
        )
        block = b"".join(NativeTransform.build_insert(context))
        if context.insert_exception is not None:
            raise DoesNotFit(columns.table, context.column_name or "?") from None
        return block


def cut(records: Sequence[LogRecord]) -> Iterator[Sequence[LogRecord]]:
    """Splits into batches of at most MAX_ROWS and MAX_BYTES: the same list, the same batches.

    A single larger record is a batch of its own.
    """
    start = 0
    size = 0
    for index, record in enumerate(records):
        length = size_of(record)
        if index > start and (index - start >= MAX_ROWS or size + length > MAX_BYTES):
            yield records[start:index]
            start, size = index, 0
        size += length
    if start < len(records):
        yield records[start:]


def size_of(record: LogRecord) -> int:
    """Bytes of key and value."""
    return len(record.value or b"") + len(record.key or b"")
