"""The archive back onto the log: what the embedded broker forgot at exit, ClickHouse kept.

Each archived event goes back under its key with its original bytes, in the order it had, so that
state folds to what it was (invariant 4). A header tells where it was before; readers know the
event by its id, so a record that is seen again is not counted again. The log is new, so the
archive then holds each event under both logs until the old rows are dropped: a crash at any point
leaves at least one of them whole.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from schemas.erasures import erasure_in
from schemas.topics import ACCOUNTS, ERASURES, EVENTS, EventHeader
from sinks.incarnations import UNLOGGED, Archived
from streams import kafka
from streams.erasures import Erasures, record_of
from streams.local.accounts import AccountBook
from streams.local.hook_places import HookPlaces, Place
from streams.local.journal_notes import JournalNotes
from streams.local.open_sends import OpenSends
from streams.local.resuming import Resumed, resume
from streams.settings import Settings

_CHUNK = 5_000
"""Events read from the archive at a time; their acknowledgements are awaited before the next."""


@dataclass(frozen=True, slots=True)
class Restored:
    events: int
    sends: Resumed


async def restore(
    settings: Settings,
    archived: Iterable[Archived],
    *,
    progress: Callable[[int], None],
    known: JournalNotes | None = None,
    places: HookPlaces | None = None,
) -> Restored:
    """Puts the events on `dm.events.v1`, the accounts they tell of on `dm.accounts.v1`, and the
    sends that had not ended where the delivery worker finds them, as far as `known` allows.
    `places` hears where each webhook subscription goes on.

    The order of `archived` is kept within each partition. `progress` gets the number of events so
    far. Call it before the workers start.
    """
    producer = kafka.producer(settings)
    await producer.start()
    try:
        topic, events, restored = settings.topic(EVENTS), iter(archived), 0
        book, sends, erased = AccountBook(), OpenSends(), Erasures()
        partition_of = _Partitions(sorted(await producer.partitions_for(topic)))
        # The archive is read in another thread: its client blocks.
        while chunk := await asyncio.to_thread(_next, events):
            await _put(producer, topic, partition_of, chunk, places or HookPlaces())
            for event in chunk:
                book.note(event.value)
                if (found := erasure_in(event.value)) is not None:
                    erased.note(record_of(found))
                sends.note(event.value, logged=event.origin != UNLOGGED)
            restored += len(chunk)
            progress(restored)
        for key, record in book.records():
            await producer.send(settings.topic(ACCOUNTS), record, key=key)
        for erasure in erased.records():
            await producer.send(
                settings.topic(ERASURES), erasure.model_dump_json().encode(),
                key=erasure.conversation_id.encode(),
            )  # fmt: skip
        await producer.flush()
        now = datetime.now(UTC)
        resumed = await resume(settings, producer, sends, known=known, erased=erased, now=now)
        return Restored(restored, resumed)
    finally:
        await producer.stop()


def _next(events: Iterator[Archived]) -> list[Archived]:
    return list(islice(events, _CHUNK))


class _Partitions(dict[bytes, int]):
    """Kafka's own partitioner, once a key: the hash is pure Python, the keys are few."""

    def __init__(self, partitions: list[int]) -> None:
        super().__init__()
        self._partitions = partitions
        self._partitioner = DefaultPartitioner()

    def __missing__(self, key: bytes) -> int:
        partition: int = self._partitioner(key, self._partitions, self._partitions)
        self[key] = partition
        return partition


async def _put(
    producer: AIOKafkaProducer,
    topic: str,
    partition_of: _Partitions,
    chunk: list[Archived],
    places: HookPlaces,
) -> None:
    """Whole batches, made here: one future a batch, not one an event."""
    open_batches: dict[int, BatchBuilder] = {}
    acknowledgements = []
    begins: dict[int, list[tuple[int, Place]]] = defaultdict(list)
    """In the open batch of a partition: the event with which a subscription goes on."""

    async def send(partition: int, batch: BatchBuilder) -> None:
        sent = await producer.send_batch(batch, topic, partition=partition)
        acknowledgements.append(_acknowledged(sent, begins.pop(partition, [])))

    for event in chunk:
        partition = partition_of[event.key]
        batch = open_batches.get(partition)
        if batch is None or not _append(batch, event):
            if batch is not None:
                await send(partition, batch)
            batch = open_batches[partition] = producer.create_batch()
            _append(batch, event)
        for place in places.goes_on_at(event.key, event.origin):
            begins[partition].append((batch.record_count() - 1, place))
    for partition, batch in open_batches.items():
        await send(partition, batch)
    await asyncio.gather(*acknowledgements)


async def _acknowledged(sent: Awaitable[RecordMetadata], begins: list[tuple[int, Place]]) -> None:
    first = (await sent).offset
    for number, place in begins:
        place.offset = first + number


def _append(batch: BatchBuilder, event: Archived) -> bool:
    """False where it is full; the first record of a batch always fits."""
    added = batch.append(
        key=event.key,
        value=event.value,
        timestamp=None,
        headers=[(EventHeader.RESTORED_FROM, event.origin.encode())],
    )
    return added is not None
