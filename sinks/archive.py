"""The archive's writer: each record of the log is there exactly once, as a reader sees it.

Three guards, each for what the others miss (tests/pipeline/test_archive.py shows each alone):

1. the high-water mark: what is at or below `high_water_mark` was acknowledged, skip it;
2. the insert token: ranges that are sent again, because their fate was unknown, land once;
3. identity: the tables are ReplacingMergeTree, so what a zombie or a re-cut range doubled is one
   row under FINAL.

What was erased stays so, whoever inserts it again: erasure.py looks after each insert.

Files that can break it: this one, packing.py (events before their log), rows.py (the same records
must give the same rows), and migrations/0001 (order keys and the deduplication window).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.erasure import Eraser, Range, erasures_in
from sinks.errors import (
    ArchiveAhead,
    ArchiveError,
    ArchiveUnavailable,
    TooManyParts,
    classified,
)
from sinks.packing import Packed, Packing
from sinks.rows import DELIVERY_LOG, EVENT_LOG, FAILURE_LOG, Columns, LogRecord

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
        packing = Packing(log, topic, database=database, compression=client.write_compression)
        packings: dict[Kind, Callable[[Sequence[LogRecord]], Packed]] = {
            "events": packing.events,
            "failures": packing.failures,
            "deliveries": packing.deliveries,
        }
        self._pack = packings[kind]

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

    async def pack(self, records: Sequence[LogRecord]) -> Packed:
        """A batch: of each partition in it consecutive records, as they were read (offsets may
        have gaps, where Kafka compacted or aborted). At most what `cut` gives.

        Made in a thread, while another batch may be inserted. Raises ArchiveRefused.
        """
        return await asyncio.to_thread(self._pack, records)

    async def insert(self, packed: Packed) -> None:
        """Returns once it is durable as far as the server tells. Raises ArchiveError; after
        ArchiveUnavailable insert the same batch again."""
        await asyncio.to_thread(self._insert, packed)

    async def write(self, records: Sequence[LogRecord]) -> None:
        """Packs and inserts, for who has nothing to do meanwhile."""
        await self.insert(await self.pack(records))

    def token(self, ranges: Sequence[Range]) -> str:
        """Guard 2. A function of the ranges alone: the engine drops a second insert under a token
        without looking at its rows (measured), so a range must never stand for other rows."""
        told = (f"{one.partition}:{one.first}-{one.last}" for one in ranges)
        return f"{self._log}:{self._topic}:{','.join(told)}"

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

    def _insert(self, packed: Packed) -> None:
        token = self.token(packed.ranges)
        erasures = erasures_in(packed.happened)
        self._eraser.note(erasures)
        for columns, block in packed.inserts:
            self._send(columns, block, token)
        self._eraser.carry_out(erasures)
        if self._kind == "events":
            self._eraser.after_events(packed.logged, packed.ranges)
        elif self._kind == "failures":
            self._eraser.after_failures(packed.records, packed.ranges)

    def _send(self, columns: Columns, block: bytes, token: str) -> None:
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
    packed: Packed,
    *,
    sleep: Callable[[float], Awaitable[None]],
    on_trouble: Callable[[ArchiveUnavailable, int, float], None],
    jitter: random.Random,
) -> None:
    """Sends the batch until a definite answer comes. Raises ArchiveRefused."""
    await until_available(
        lambda: archive.insert(packed), sleep=sleep, on_trouble=on_trouble, jitter=jitter
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
    "Archive",
    "ArchiveError",
    "LogRecord",
    "Packed",
    "TooManyParts",
    "insert_until_acknowledged",
    "refuse_if_ahead",
    "until_available",
]
