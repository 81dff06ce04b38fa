"""How requests share batches, and what becomes of them when the broker does not answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.gateway.batches import BatchWriter
from streams.gateway.keep import NotKeptError, broker_away

KEYS = [str(number).encode() for number in range(100)]


@dataclass
class Producer:
    """aiokafka's batch interface without a broker: the test decides what each batch becomes."""

    batch_bytes: int = 1000
    sent: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    """Partition, number of records, acknowledgement."""
    answers_at_once: bool = False

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_bytes, 0)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
        assert topic == "t"
        acknowledged = asyncio.get_running_loop().create_future()
        self.sent.append((partition, batch.record_count(), acknowledged))
        if self.answers_at_once:
            acknowledged.set_result(None)
        return acknowledged


@dataclass
class Bench:
    producer: Producer
    writer: BatchWriter
    silences: list[None]

    def add(self, *keys: bytes) -> list[asyncio.Future[None]]:
        return [self.writer.add(key, b"value", []) for key in keys]


def on_the_bench(
    scenario: Callable[[Bench], Awaitable[None]],
    *,
    timeout: float = 5.0,
    pace: float = 0.0,
    **producer: object,
) -> None:
    async def run() -> None:
        made = Producer(**producer)  # type: ignore[arg-type]
        silences: list[None] = []
        writer = BatchWriter(
            made,
            "t",
            [0, 1, 2, 3],
            linger=0.001,
            pace=pace,
            timeout=timeout,
            on_silence=lambda: silences.append(None),
        )
        await scenario(Bench(made, writer, silences))

    asyncio.run(run())


def test_requests_that_come_together_travel_together_and_keep_kafkas_partitions() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.gather(*bench.add(*KEYS))
        assert len(bench.producer.sent) == 4
        partitioner = DefaultPartitioner()
        wanted = [partitioner(key, [0, 1, 2, 3], []) for key in KEYS]
        for partition, records, _ in bench.producer.sent:
            assert records == wanted.count(partition)

    on_the_bench(scenario, answers_at_once=True, batch_bytes=100_000)


def test_a_full_batch_is_followed_by_another_in_order() -> None:
    async def scenario(bench: Bench) -> None:
        await asyncio.gather(*bench.add(*[b"one key"] * 100))
        counts = [records for _, records, _ in bench.producer.sent]
        assert sum(counts) == 100
        assert len(counts) > 1

    on_the_bench(scenario, answers_at_once=True, batch_bytes=500)


def test_a_record_larger_than_a_batch_travels_alone() -> None:
    async def scenario(bench: Bench) -> None:
        small = bench.writer.add(b"k", b"s", [])
        await asyncio.gather(small, bench.writer.add(b"k", b"x" * 5000, []))
        assert [records for _, records, _ in bench.producer.sent] == [1, 1]

    on_the_bench(scenario, answers_at_once=True)


def test_a_partition_has_one_batch_with_the_broker_and_the_next_waits_for_it() -> None:
    async def scenario(bench: Bench) -> None:
        [first] = bench.add(b"k")
        await asyncio.sleep(0.01)
        [second] = bench.add(b"k")
        await asyncio.sleep(0.01)
        assert len(bench.producer.sent) == 1
        bench.producer.sent[0][2].set_result(None)
        await first
        await asyncio.sleep(0.01)
        assert len(bench.producer.sent) == 2
        assert not second.done()
        bench.producer.sent[1][2].set_result(None)
        await second

    on_the_bench(scenario)


def test_departures_keep_their_distance_and_those_who_wait_leave_together() -> None:
    async def scenario(bench: Bench) -> None:
        one, other = keys_of_two_partitions()
        await asyncio.gather(*bench.add(one))
        waiting = bench.add(one, other)
        await asyncio.sleep(0.02)
        assert len(bench.producer.sent) == 1
        more = bench.add(one)
        await asyncio.gather(*waiting, *more)
        assert [records for _, records, _ in bench.producer.sent] == [1, 2, 1]

    on_the_bench(scenario, answers_at_once=True, pace=0.2)


def test_no_request_waits_longer_than_the_timeout_and_silence_is_reported() -> None:
    async def scenario(bench: Bench) -> None:
        sent, behind = bench.add(b"k")[0], None
        await asyncio.sleep(0.02)
        [behind] = bench.add(b"k")
        for waiting in (sent, behind):
            with pytest.raises(NotKeptError) as caught:
                await asyncio.wait_for(waiting, 1)
            assert caught.value.reason == "broker_timeout"
        assert bench.silences
        # What never left is dropped: its sender has been told to send again.
        bench.producer.sent[0][2].set_result(None)
        await asyncio.sleep(0.02)
        assert len(bench.producer.sent) == 1

    on_the_bench(scenario, timeout=0.05)


def test_one_slow_partition_is_no_silence_while_others_are_acknowledged() -> None:
    async def scenario(bench: Bench) -> None:
        slow, other = keys_of_two_partitions()
        [waiting] = bench.add(slow)
        await until_sent(bench, 1)
        [quick] = bench.add(other)
        await until_sent(bench, 2)
        bench.producer.sent[1][2].set_result(None)
        await quick
        with pytest.raises(NotKeptError):
            await waiting
        assert not bench.silences

    on_the_bench(scenario, timeout=0.6)


async def until_sent(bench: Bench, count: int) -> None:
    while len(bench.producer.sent) < count:  # noqa: ASYNC110 - the bench knows no event
        await asyncio.sleep(0.002)


def test_a_dead_connection_fails_its_requests_and_is_reported() -> None:
    async def scenario(bench: Bench) -> None:
        requests = bench.add(b"k", b"k")
        await asyncio.sleep(0.01)
        bench.producer.sent[0][2].set_exception(KafkaConnectionError("gone"))
        for request in requests:
            with pytest.raises(NotKeptError) as caught:
                await request
            assert caught.value.reason == "broker_unavailable"
        assert bench.silences

    on_the_bench(scenario)


def test_a_record_that_the_broker_refuses_says_nothing_against_the_connection() -> None:
    async def scenario(bench: Bench) -> None:
        [request] = bench.add(b"k")
        await asyncio.sleep(0.01)
        bench.producer.sent[0][2].set_exception(MessageSizeTooLargeError())
        with pytest.raises(NotKeptError) as caught:
            await request
        assert caught.value.reason == "broker_refused"
        assert not bench.silences

    on_the_bench(scenario)


def test_a_request_that_was_cancelled_does_not_disturb_the_others_of_its_batch() -> None:
    async def scenario(bench: Bench) -> None:
        leaving, staying = bench.add(b"k", b"k")
        leaving.cancel()
        await staying

    on_the_bench(scenario, answers_at_once=True)


def test_closing_tells_everyone_and_draining_waits_for_everyone() -> None:
    async def closing(bench: Bench) -> None:
        [sent] = bench.add(b"k")
        await asyncio.sleep(0.01)
        [held] = bench.add(b"k")
        bench.writer.close(broker_away)
        for request in (sent, held):
            with pytest.raises(NotKeptError):
                await request

    async def draining(bench: Bench) -> None:
        requests = bench.add(*KEYS, *KEYS)
        await bench.writer.drain()
        assert all(request.done() for request in requests)

    on_the_bench(closing)
    on_the_bench(draining, answers_at_once=True, batch_bytes=200)
    on_the_bench(draining, answers_at_once=True, batch_bytes=200, pace=60.0)


def test_a_closed_writer_reports_no_silence_though_its_batches_fail_later() -> None:
    """Its successor already serves, and would be torn down for what its predecessor met."""

    async def scenario(bench: Bench) -> None:
        [request] = bench.add(b"k")
        await asyncio.sleep(0.01)
        bench.writer.close(broker_away)
        with pytest.raises(NotKeptError):
            await request
        bench.producer.sent[0][2].set_exception(KafkaConnectionError("gone"))
        await asyncio.sleep(0.01)
        assert not bench.silences

    on_the_bench(scenario)


def keys_of_two_partitions() -> tuple[bytes, bytes]:
    partitioner = DefaultPartitioner()
    first = partitioner(KEYS[0], [0, 1, 2, 3], [])
    other = next(key for key in KEYS if partitioner(key, [0, 1, 2, 3], []) != first)
    return KEYS[0], other
