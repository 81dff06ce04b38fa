"""A batch's writes against a real broker: order, size, a broker that goes away."""

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from schemas.topics import Topic
from streams import kafka
from streams.agents.outbox import Outbox
from streams.local import processes
from streams.local.broker import start_broker
from streams.partitions import partition_of
from streams.settings import Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka]

TOPIC = Topic("written", "any", "numbers", {"max.message.bytes": "4194304"})


async def written(settings: Settings) -> dict[int, list[bytes]]:
    """Values by partition, in order, of all that is there."""
    reader = kafka.reader(settings, TOPIC.name)
    await reader.start()
    found: dict[int, list[bytes]] = {}
    while records := await reader.getmany(timeout_ms=1500):
        for place, batch in records.items():
            found.setdefault(place.partition, []).extend(record.value for record in batch)
    await reader.stop()
    return found


def test_records_of_one_key_stay_in_order_whatever_their_sizes(settings: Settings) -> None:
    sizes = [10, 700_000, 20, 900_000, 30, 1_000_000, 40]
    values = [bytes([n]) * size for n, size in enumerate(sizes)]

    async def run() -> dict[int, list[bytes]]:
        await kafka.ensure_topics(settings, (TOPIC,))
        producer = kafka.producer(settings)
        await producer.start()
        outbox = Outbox(producer, partitions=settings.partitions)
        for value in values:
            outbox.add(settings.topic(TOPIC.name), b"key", value)
        await outbox.flush()
        await producer.stop()
        return await written(settings)

    assert asyncio.run(run()) == {partition_of(b"key", settings.partitions): values}


def test_a_key_goes_where_every_other_kafka_client_puts_it() -> None:
    """Values of Kafka's own murmur2 tests."""
    assert partition_of(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
    assert partition_of(b"foobar", 1000) == (-790332482 & 0x7FFFFFFF) % 1000
    assert partition_of(b"a-little-bit-long-string", 1000) == (-985981536 & 0x7FFFFFFF) % 1000


@pytest.mark.faults
def test_a_flush_waits_while_the_broker_hangs_and_loses_nothing(tmp_path: Path) -> None:
    """Stopped, not restarted: the embedded broker forgets, and acknowledges records of topics that
    it no longer has (measured), so nothing can be said about it after a restart."""
    port = processes.free_port()
    settings = Settings(
        _env_file=None, kafka=f"127.0.0.1:{port}", embedded=True, partitions=2, topic_prefix="o."
    )

    async def run(broker: subprocess.Popen[bytes]) -> dict[int, list[bytes]]:
        await kafka.ensure_topics(settings, (TOPIC,))
        producer = kafka.producer(settings)
        await producer.start()
        outbox = Outbox(producer, partitions=2)
        outbox.add(settings.topic(TOPIC.name), b"key", b"before")
        await outbox.flush()
        processes.pause(broker)
        outbox.add(settings.topic(TOPIC.name), b"key", b"after")
        flushing = asyncio.create_task(outbox.flush())
        await asyncio.sleep(2)
        assert not flushing.done()
        broker.send_signal(signal.SIGCONT)
        await asyncio.wait_for(flushing, 60)
        await producer.stop()
        return await written(settings)

    broker = start_broker(port, log_file=tmp_path / "broker.log")
    try:
        found = asyncio.run(run(broker))
    finally:
        broker.kill()
        broker.wait()
    (values,) = found.values()
    assert values[0] == b"before"
    assert set(values[1:]) == {b"after"}
