"""Whole fetched batches instead of single records: the most delicate file of the house.

Why. Per record Faust makes two tasks, crosses a queue and keeps an acknowledgement: 8,000-13,000
records a second on two cores, whatever the agent does. One Faust message per (partition, fetched
batch) does the same bookkeeping once per batch: 273,000 records a second in the same trial.

How. Three places where Faust lets itself be told:
* `App(ConsumerScheduler=...)` decides in which order fetched records are delivered. Ours delivers,
  for the batched topics, one `RecordBatch` in place of up to `limit` records of one partition. It
  has the attributes of a record; its value is the list of records, its offset the LAST record's.
  So it does for the tables' changelogs: recovery counts by the offset of what it gets, and reaches
  its end with the batch that holds it (streams/agents/state_table.py). Others go the usual way.
* `app.topic(..., schema=BatchSchema())` hands that list to the agent untouched.
* `app.transport` makes the consumer. Ours keeps, for the batched topics, a ledger of what it
  delivered: see streams.agents.batch_consumer.

Why the offsets are right (invariant 9). A partition's batches are committed in the order of their
delivery, from the oldest on, each once it is acknowledged. One that vanished on its way holds
everything behind it back: a stall that lag shows, never a loss. Batches are acknowledged by hand
(`noack()`, `ack`) after their work is durable. tests/pipeline/test_batched_delivery.py kills
workers at random moments and compares what was committed with what was done.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka.protocol.fetch import FetchRequest
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.agents.batch_consumer import BatchConsumer, SteadyThread
from streams.agents.group_leader import GroupMember

# Enough to make Faust's own cost vanish (below 1 us a record), few enough that one batch is
# worked on in well below a second and other partitions get their turn.
BATCH_LIMIT = 2000


# Records, some ten milliseconds of work: what a fetch brings beyond them waits, and the next one
# brings as much more. Under load a worker so fetches four times as rarely, in larger batches.
ENOUGH_IN_HAND = 100


@dataclass(frozen=True, slots=True)
class Quirks:
    """What the embedded broker needs done differently, each measured."""

    fetch_wait_ms: int
    """How long an empty fetch waits. A broker answers as soon as there is data, but this one looks
    again only after half of it, so at Faust's 1,500 each hop takes 750 ms."""
    fetch_pace_ms: int
    """How long after a fetch the next one is written at the earliest. One costs this broker and its
    reader 2 ms of processor time together, whatever it brings: at 100 messages a second a worker
    would fetch 300 times a second, and take what it saves in waiting from who has work to do."""
    work_first_ms: int
    """How much longer the next fetch waits for who has `ENOUGH_IN_HAND`."""
    ends: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]
    """Partitions to the offset after the last record of each. Its own answer leaves out the last
    batch but for one record, and recovery would leave it out of the state."""


class RecordBatch:
    """Looks like a consumer record to Faust; its value is the records."""

    __slots__ = (
        "checksum", "headers", "key", "offset", "partition", "serialized_key_size",
        "serialized_value_size", "timestamp", "timestamp_type", "topic", "value",
    )  # fmt: skip

    def __init__(self, records: list[Any]) -> None:
        last = records[-1]
        self.topic = last.topic
        self.partition = last.partition
        self.offset = last.offset
        self.timestamp = last.timestamp
        self.timestamp_type = last.timestamp_type
        self.headers: list[tuple[str, bytes]] = []
        self.key = None
        self.value = records
        self.checksum = None
        self.serialized_key_size = 0
        self.serialized_value_size = 0


class BatchSchema(faust.Schema[Any, Any]):
    """Hands the list of records to the agent as it is."""

    def compile(self, app: Any, **_callbacks: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return app.create_event(None, message.value, {}, message)

        return decode


def batch_scheduler(sizes: Callable[[], Mapping[str, int]]) -> type[Any]:
    """The `ConsumerScheduler` that batches the topics of `sizes`, in so many records at most. A
    class, since Faust makes the instance."""

    class BatchScheduler(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            ours = sizes()
            singles = {tp: found for tp, found in records.items() if tp.topic not in ours}
            if singles:
                yield from super().iterate(singles)
            batched = {tp: found for tp, found in records.items() if tp.topic in ours and found}
            begins = dict.fromkeys(batched, 0)
            while batched:
                for tp in list(batched):
                    begin, end = begins[tp], begins[tp] + ours[tp.topic]
                    yield tp, RecordBatch(batched[tp][begin:end])
                    if end >= len(batched[tp]):
                        del batched[tp]
                    begins[tp] = end

    return BatchScheduler


def embedded_consumer(base: type[Any], quirks: Quirks) -> type[Any]:
    """The same for the embedded broker."""

    class EmbeddedThread(SteadyThread):
        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            wait = quirks.fetch_wait_ms
            consumer._fetch_max_wait_ms = wait  # noqa: SLF001 - read when it starts
            owner: Any = self.consumer
            client: Any = consumer._client  # noqa: SLF001 - its fetcher has no pace of its own
            client.send = paced(
                GroupMember(client.send).send,
                quirks.fetch_pace_ms / 1000,
                busy=lambda: owner.in_hand() > ENOUGH_IN_HAND,
                work_first=quirks.work_first_ms / 1000,
            )
            return consumer

    class EmbeddedConsumer(base):  # type: ignore[misc]
        def _new_consumer_thread(self) -> Any:
            return EmbeddedThread(self, loop=self.loop, beacon=self.beacon)

        async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
            return await quirks.ends(partitions)

    return EmbeddedConsumer


def paced(
    send: Callable[..., Awaitable[Any]],
    seconds: float,
    *,
    busy: Callable[[], bool] = lambda: False,
    work_first: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Callable[..., Awaitable[Any]]:
    """`send` of a client, whose fetches begin at least so far apart. While its owner is busy they
    wait for that too, `work_first` seconds at most. All else goes at once."""
    earliest = 0.0

    async def paced_send(node: Any, request: Any, **more: Any) -> Any:
        nonlocal earliest
        if isinstance(request, FetchRequest):
            now = clock()
            earliest, wait = max(earliest, now) + seconds, earliest - now
            if wait > 0:
                await sleep(wait)
            until = clock() + work_first
            while busy() and clock() < until:
                await sleep(seconds)
        return await send(node, request, **more)

    return paced_send


def deliver_in_batches(
    app: faust.App,
    topics: frozenset[str],
    limit: Callable[[], int] = lambda: BATCH_LIMIT,
    quirks: Quirks | None = None,
) -> None:
    """Makes `app` deliver `topics` in batches of up to `limit()` records of one partition, and its
    tables' changelogs in large ones."""
    conf: Any = app.conf  # its setters are made by decorators that hide their types
    conf.ConsumerScheduler = batch_scheduler(
        lambda: (
            dict.fromkeys(app.tables.changelog_topics, BATCH_LIMIT) | dict.fromkeys(topics, limit())
        )
    )
    consumer = type("Consumer", (BatchConsumer,), {"batched": topics})
    transport: Any = type("BatchTransport", (driver.Transport,), {})
    transport.Consumer = embedded_consumer(consumer, quirks) if quirks else consumer
    app.transport = transport(conf.broker_consumer, app)
