"""Many requests, one batch: records that arrive together travel to the broker together.

aiokafka's `send` costs each record a coroutine chain, a partition lookup, a murmur2 hash in pure
Python and a future of its own. Here a record is appended to its partition's batch and its request
waits; a batch leaves after a short linger, and some time after those that left before it: what a
departure costs does not depend on how many travel.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from streams.gateway.keep import Headers, NotKeptError, broker_away, broker_refused, broker_slow

_KEYS_REMEMBERED = 65_536
_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError)

_log = structlog.get_logger()


class _Batch:
    """Records of one partition on one way, and the requests that wait for them."""

    __slots__ = ("builder", "deadline", "partition", "sent_at", "waiting")

    def __init__(self, partition: int, builder: Any) -> None:
        self.partition = partition
        self.builder = builder
        self.waiting: list[asyncio.Future[None]] = []
        self.deadline: asyncio.TimerHandle | None = None
        self.sent_at: float | None = None

    def settle(self, why_not: Callable[[], NotKeptError] | None) -> None:
        """Lets the requests go on. Each gets an exception of its own: one that is raised in many
        tasks gathers the tracebacks of all of them.
        """
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if future.done():  # its request was cancelled
                continue
            if why_not is None:
                future.set_result(None)
            else:
                future.set_exception(why_not())


def _unheard() -> None:
    pass


class BatchWriter:
    """Writes to one topic through one started producer, until `close`.

    At most one batch per partition is with aiokafka, the others wait here, where they can still
    be dropped. A record waits `linger` seconds for company, departures are `pace` seconds apart at
    least. `on_silence` is called when the broker has acknowledged nothing for a whole
    `timeout` (seconds) after a batch was handed over, and when the producer itself has failed.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partitions: Sequence[int],
        *,
        linger: float,
        pace: float,
        timeout: float,
        on_silence: Callable[[], None],
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._linger = linger
        self._pace = pace
        self._timeout = timeout
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[int, deque[_Batch]] = {partition: deque() for partition in partitions}
        self._under_way: dict[int, _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._flushing: asyncio.Handle | None = None
        self._last_acknowledged = 0.0
        self._flushed_at = 0.0
        ordered, partitioner = sorted(partitions), DefaultPartitioner()

        # The partitioner of Kafka's own clients, so that one key has one partition whoever writes.
        @lru_cache(maxsize=_KEYS_REMEMBERED)
        def partition_of(key: bytes) -> int:
            partition: int = partitioner(key, ordered, ordered)
            return partition

        self._partition_of = partition_of

    def add(self, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[None]:
        """The future is done once the record is acknowledged; NotKeptError otherwise."""
        partition = self._partition_of(key)
        lane = self._lanes[partition]
        batch = lane[-1] if lane else self._open(partition)
        # aiokafka says None when the batch has no room; the first record always finds room.
        if batch.builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
            batch = self._open(partition)
            batch.builder.append(timestamp=None, key=key, value=value, headers=headers)
        future: asyncio.Future[None] = self._loop.create_future()
        batch.waiting.append(future)
        return future

    async def drain(self) -> None:
        """Returns when everything added has been settled."""
        while self._tasks or any(self._lanes.values()):
            self._flush()
            await asyncio.wait(self._tasks)

    def close(self, why: Callable[[], NotKeptError]) -> None:
        """Gives up what is not acknowledged: whoever waits hears that it may not be kept. What
        still fails after this says nothing about the connection that follows.
        """
        self._on_silence = _unheard
        if self._flushing is not None:
            self._flushing.cancel()
        for lane in self._lanes.values():
            while lane:
                lane.popleft().settle(why)
        for batch in self._under_way.values():
            batch.settle(why)

    def _open(self, partition: int) -> _Batch:
        batch = _Batch(partition, self._producer.create_batch())
        batch.deadline = self._loop.call_later(self._timeout, self._expire, batch)
        self._lanes[partition].append(batch)
        if self._flushing is None:
            self._flush_after(self._linger)
        return batch

    def _flush_after(self, seconds: float) -> None:
        paced = self._flushed_at + self._pace - self._loop.time()
        self._flushing = self._loop.call_later(max(seconds, paced), self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._flushed_at = self._loop.time()
        for partition, lane in self._lanes.items():
            if lane and partition not in self._under_way:
                batch = self._under_way[partition] = lane.popleft()
                batch.sent_at = time.monotonic()
                task = self._loop.create_task(self._deliver(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _deliver(self, batch: _Batch) -> None:
        batch.builder.close()
        try:
            acknowledged = await self._producer.send_batch(
                batch.builder, self._topic, partition=batch.partition
            )
            await acknowledged
        except _REFUSALS as error:
            self._complain(batch, error)
            batch.settle(broker_refused)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._complain(batch, error)
            batch.settle(broker_away)
            if not self._heard_since(batch):
                self._on_silence()
        else:
            self._last_acknowledged = time.monotonic()
            batch.settle(None)
        finally:
            del self._under_way[batch.partition]
            if self._lanes[batch.partition] and self._flushing is None:
                self._flush_after(0)

    def _expire(self, batch: _Batch) -> None:
        batch.deadline = None
        batch.settle(broker_slow)
        if batch.sent_at is None:
            self._lanes[batch.partition].remove(batch)  # never left: it need not leave any more
        elif not self._heard_since(batch):
            self._on_silence()

    def _heard_since(self, batch: _Batch) -> bool:
        return batch.sent_at is not None and self._last_acknowledged >= batch.sent_at

    def _complain(self, batch: _Batch, error: Exception) -> None:
        _log.warning(
            "batch not acknowledged",
            topic=self._topic,
            partition=batch.partition,
            records=batch.builder.record_count(),
            error=type(error).__name__,
        )
