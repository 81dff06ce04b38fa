"""State with a changelog: a Faust table for ownership and recovery, read and written in batches.

`table[key] = value` sends one changelog record per write, 8,000 a second at most. Here a batch's
writes go to the changelog topic together, through the same outbox as its events, and are awaited
before the batch is acknowledged.

Recovery is Faust's: it knows what to read, from where to where, and when all is there. But it takes
record after record through a queue, a task and a decoder each (measured: 4,500 records a second, so
seven minutes for a million conversations). So its records come in whole fetched batches, as those
of our other topics do (streams/agents/batches.py), and are applied here.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import faust
from faust.types import TP

from streams import kafka
from streams.agents.batches import BatchSchema
from streams.agents.outbox import Outbox
from streams.settings import Settings

Change = tuple[bytes, bytes | None]
"""Key and value; no value where the key is gone."""


class Queued(NamedTuple):
    """Changes of one partition on their way to the changelog."""

    partition: int
    changes: list[Change]


class Parts:
    """Keys and values by partition: what another worker takes over goes as a whole, without an
    index from keys to partitions."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[bytes, bytes]] = {}

    def get(self, key: bytes) -> bytes | None:
        for part in self._parts.values():
            value = part.get(key)
            if value is not None:
                return value
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for part in self._parts.values():
            yield from part.items()

    def apply(self, partition: int, changes: Iterable[Change]) -> None:
        part = self._parts.setdefault(partition, {})
        for key, value in changes:
            if value is None:
                part.pop(key, None)
            else:
                part[key] = value

    def keep(self, partitions: Iterable[int]) -> None:
        """Drops all others."""
        kept = set(partitions)
        self._parts = {number: part for number, part in self._parts.items() if number in kept}


class _Table(faust.Table[Any, Any]):
    """Faust's table with our store: it hands over batches of the changelog."""

    parts: Parts

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            records = event.value
            self.parts.apply(
                event.message.partition, ((record.key, record.value) for record in records)
            )

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        del standby_tps  # there are none (streams/workers/app.py)
        self.parts.keep(place.partition for place in active_tps)
        await self.call_recover_callbacks()


class StateTable:
    """Bytes to bytes. Keys belong to the partition of the record that changed them."""

    def __init__(self, app: faust.App, name: str, settings: Settings) -> None:
        self._parts = Parts()
        table = _Table(
            app,
            name=name,
            key_type=bytes,
            value_type=bytes,
            partitions=settings.partitions,
            extra_topic_configs=kafka.durable(settings),
            schema=BatchSchema(),
            # Batches, not records; at 1 Faust keeps the changelog's partitions running afterwards.
            recovery_buffer_size=2,
        )
        table.parts = self._parts
        self._table: Any = app.tables.add(table)

    def get(self, key: bytes) -> bytes | None:
        return self._parts.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Everything in the partitions that this worker owns."""
        return list(self._parts.items())

    def queue_changelog(self, changes: Iterable[Change], outbox: Outbox, partition: int) -> Queued:
        """Puts the changes in line for the changelog. Apply them once the outbox is flushed."""
        queued = Queued(partition, list(changes))
        topic = self._table.changelog_topic_name
        for key, value in queued.changes:
            outbox.add(topic, key, value, partition=partition)
        return queued

    def apply(self, queued: Queued) -> None:
        """Makes the changes visible to the next batch."""
        self._parts.apply(queued.partition, queued.changes)
