"""Conversation state: a Faust table (its store, changelog and recovery), written a batch at a time.

`table[key] = value` sends one changelog record per write, 8,000 a second at most. Here a batch's
writes go to the changelog topic together, through the same outbox as its events, and are awaited
before the batch is acknowledged. Recovery is Faust's, unchanged: it reads that topic.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import faust

from streams.agents.outbox import Outbox

_Value = TypeVar("_Value", bytes, None)


class StateTable:
    """Bytes to bytes. Keys belong to the partition of the record that changed them."""

    def __init__(self, app: faust.App, name: str, *, partitions: int) -> None:
        self._table: Any = app.Table(
            name, key_type=bytes, value_type=bytes, partitions=partitions, recovery_buffer_size=5000
        )

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._table.data.get(key)
        return value

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Everything in the partitions that this worker owns."""
        return list(self._table.data.items())

    def queue_changelog(
        self, changes: Iterable[tuple[bytes, _Value]], outbox: Outbox, partition: int
    ) -> list[tuple[bytes, _Value]]:
        """Puts the changes in line for the changelog. Apply them once the outbox is flushed.

        A value of None forgets the key: compaction then takes it from the topic, too.
        """
        queued = list(changes)
        topic = self._table.changelog_topic_name
        for key, value in queued:
            outbox.add(topic, key, value, partition=partition)
        return queued

    def apply(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Makes the changes visible to the next batch."""
        store = self._table.data
        for key, value in changes:
            if value is None:
                store.pop(key, None)
            else:
                store[key] = value
