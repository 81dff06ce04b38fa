"""What a batch writes to Kafka: collected, sent together, acknowledged once.

aiokafka's batch interface costs a fifth of sending record by record (measured: 2.6 against 12.6 us
of processor time for 400 bytes).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from streams.monitoring.troubles import trouble
from streams.partitions import partition_of

log = structlog.get_logger()

Headers = list[tuple[str, bytes]]
Sleep = Callable[[float], Awaitable[None]]

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0


def _passes(error: KafkaError) -> bool:
    """Whether waiting helps. A record that is too large, or a missing right, never gets better."""
    return bool(error.retriable) or isinstance(error, KafkaConnectionError | KafkaTimeoutError)


class Outbox:
    """Collects records, then sends them and waits for every acknowledgement.

    Broker trouble is waited out here: what was not acknowledged is sent again, for as long as it
    takes. A record may so be in the log twice; ids are pure, so nothing counts it twice. What no
    waiting mends is raised, and ends the worker before anything is acknowledged.
    """

    def __init__(
        self, producer: AIOKafkaProducer, *, partitions: int, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._producer = producer
        self._partitions = partitions
        self._sleep = sleep
        self._pending: dict[tuple[str, int], list[tuple[bytes | None, bytes | None, Headers]]] = {}

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        *,
        partition: int | None = None,
    ) -> None:
        """Puts a record in line. Without `partition` its key decides."""
        where = partition_of(key or b"", self._partitions) if partition is None else partition
        self._pending.setdefault((topic, where), []).append((key, value, headers or []))

    async def flush(self) -> None:
        """Returns once all is durable on the broker, in the order of `add` per partition."""
        pending, self._pending = self._pending, {}
        if pending:
            await asyncio.gather(
                *(
                    self._send(topic, partition, records)
                    for (topic, partition), records in pending.items()
                )
            )

    async def _send(self, topic: str, partition: int, records: list[Any]) -> None:
        start, wait = 0, _FIRST_WAIT_SECONDS
        while start < len(records):
            try:
                start = await self._send_one_batch(topic, partition, records, start)
                wait = _FIRST_WAIT_SECONDS
            except KafkaError as error:
                if not _passes(error):
                    raise
                trouble("Kafka")
                log.warning(
                    "broker_trouble", topic=topic, partition=partition,
                    error=type(error).__name__, retry_in_seconds=wait,
                )  # fmt: skip
                await self._sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _send_one_batch(
        self, topic: str, partition: int, records: list[Any], start: int
    ) -> int:
        # The embedded broker tells of all topics at the first contact; the client then takes this
        # one for known, does not ask for it again, and after its next look at the cluster searches
        # a leader for ever (measured: 100 % of a core). A topic that was added is asked for.
        await self._producer.client.add_topic(topic)
        batch = self._producer.create_batch()  # it takes one record of any size, or many small
        at = start
        for key, value, headers in records[start:]:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            at += 1
        acknowledged = await self._producer.send_batch(batch, topic, partition=partition)
        await acknowledged
        return at
