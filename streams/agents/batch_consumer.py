"""The consumer that commits what a batched topic has acknowledged (see streams.agents.batches)."""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import kafka
from streams.monitoring import metrics
from streams.monitoring.progress import Position


class Delivered(NamedTuple):
    """A batch that was handed out. Whoever works on it may empty it, so its beginning is kept."""

    message: Any
    first: int
    """The offset of its oldest record."""
    at_ms: int
    """The timestamp of that."""


class SteadyThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, with a client that keeps asking."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        kafka.keep_asking(consumer._client)  # noqa: SLF001 - it has no other name
        return consumer


class BatchConsumer(driver.Consumer):
    """Faust's own way of finding the offset to commit sees the jump between two batches'
    offsets as a gap and lists every offset in it: the committed offset falls ever further
    behind (measured). Ours needs no gaps, so compaction and aborted transactions are no matter.

    Around a rebalance Faust loses records in three ways, and Kafka's own offsets do not bring
    them back (each measured on a worker that was killed). The overrides below close them:

    * After a recovery it resumes the partitions, then seeks to the committed offsets, then empties
      the agents' queues: what came in between is gone. Here the batched partitions are resumed
      last, with the flow.
    * A fetch under way shares its set of active partitions with whoever pauses them. When that
      becomes empty it means "all": records are taken and nobody gets them. Here a fetch has a
      copy.
    * Where nothing is committed it does not seek, so what was taken before is not read again.
      Here such a partition is read from its beginning.
    """

    batched: frozenset[str] = frozenset()
    """Topics of whole batches; all others go Faust's way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._delivered: dict[TP, deque[Delivered]] = defaultdict(deque)
        self._to_resume: set[TP] = set()

    def _new_consumer_thread(self) -> Any:
        return SteadyThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> Any:
        message = super()._to_message(tp, record)
        if tp.topic in self.batched:
            oldest = record.value[0]
            self._delivered[tp].append(Delivered(message, oldest.offset, oldest.timestamp))
            metrics.child(metrics.BATCH_RECORDS, tp.topic).observe(len(record.value))
        return message

    async def perform_seek(self) -> None:
        """What was delivered before will be delivered again, and counts only then."""
        await super().perform_seek()
        batched = [tp for tp in self.assignment() if tp.topic in self.batched]
        if fresh := [TopicPartition(*tp) for tp in batched if not self._read_offset[tp]]:
            await self._thread.seek_to_beginning(*fresh)
        self._delivered.clear()

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's own
    ) -> Any:
        own = None if active_partitions is None else set(active_partitions)
        return await super()._getmany(own, timeout)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._delivered.clear()
        self._to_resume.clear()
        await super().on_partitions_revoked(revoked)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        wanted = set(tps)
        batched = {tp for tp in wanted if tp.topic in self.batched}
        self._to_resume |= batched
        super().resume_partitions(wanted - batched)

    def resume_flow(self) -> None:
        super().resume_partitions(self._to_resume)
        self._to_resume.clear()
        super().resume_flow()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.batched:
            return super()._new_offset(tp)
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        delivered, newest = self._delivered[tp], None
        while delivered and delivered[0].message.acked:
            newest = delivered.popleft().message.offset + 1
        return newest

    def place_of(self, tp: TP) -> Position | None:
        """Up to where a batched partition is done, and its end as of the last fetch; None where
        neither is known yet. Where all that was delivered is done, that is the place of the next
        fetch: what retention took away, or a transaction's markers, are no lag."""
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment  # noqa: SLF001 - aiokafka's own highwater() looks there
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return None
        delivered = self._delivered[tp]
        done = delivered[0].first if delivered else state.position
        return Position(done, max(done, state.highwater))

    def in_hand(self) -> int:
        """Records that were delivered and not worked on. The consumer's own thread asks while the
        worker's changes the ledger: each copy is made at once."""
        ledgers = map(list, list(self._delivered.values()))
        messages = (delivered.message for ledger in ledgers for delivered in ledger)
        return sum(len(message.value) for message in messages if not message.acked)

    def oldest_uncommitted(self, tp: TP) -> float | None:
        """The timestamp (seconds) of the oldest record delivered and not committed."""
        delivered = self._delivered[tp]
        return delivered[0].at_ms / 1000 if delivered else None
