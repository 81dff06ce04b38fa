"""Whole batches through Faust: nothing skipped, nothing committed before it was done.

Invariant 9: the committed offset is never beyond the first unprocessed record.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Topic
from streams import kafka
from streams.local import processes
from streams.settings import Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka]

TOPIC = Topic("batched", "none", "numbers")


async def produce(settings: Settings, count: int) -> None:
    await kafka.ensure_topics(settings, (TOPIC,))
    producer = kafka.producer(settings)
    await producer.start()
    sent = [
        await producer.send(settings.topic(TOPIC.name), b"%d" % n, partition=n % 4)
        for n in range(count)
    ]
    await asyncio.gather(*sent)
    await producer.stop()


async def committed(settings: Settings) -> dict[int, int]:
    """The group's committed offset by partition."""
    consumer = AIOKafkaConsumer(
        **kafka.connection(settings),
        group_id=settings.topic("dmstream-noting"),
        enable_auto_commit=False,
    )
    await consumer.start()
    places = [TopicPartition(settings.topic(TOPIC.name), n) for n in range(4)]
    consumer.assign(places)
    found = {tp.partition: await consumer.committed(tp) or 0 for tp in places}
    await consumer.stop()
    return found


def noted(path: Path) -> dict[int, list[int]]:
    """Offsets worked on, in order, by partition. A line cut by a kill is not yet a note."""
    done: dict[int, list[int]] = defaultdict(list)
    if path.exists():
        for line in path.read_text().split("\n")[:-1]:
            partition, offset = line.split()
            done[int(partition)].append(int(offset))
    return done


def start_worker(
    settings: Settings, path: Path, seed: int, limit: int, seek_seconds: float = 0.0
) -> subprocess.Popen[bytes]:
    return processes.start(
        [sys.executable, "-m", "tests.pipeline.batch_worker",
         str(path), settings.topic(TOPIC.name), str(seed), str(limit), str(seek_seconds)],
        log_file=path.with_suffix(".log"),
        environment={
            "DM_KAFKA": settings.kafka,
            "DM_EMBEDDED": str(settings.embedded),
            "DM_KAFKA_SESSION_SECONDS": str(settings.kafka_session_seconds or 4),
            "DM_PARTITIONS": "4",
            "DM_TOPIC_PREFIX": settings.topic_prefix,
        },
    )  # fmt: skip


def until_done(path: Path, each: int, seconds: float) -> Iterator[None]:
    """Yields while fewer than `each` distinct offsets a partition are noted; bounded."""
    deadline = time.monotonic() + seconds
    while any(len(set(noted(path)[n])) < each for n in range(4)):
        assert time.monotonic() < deadline, path.with_suffix(".log").read_text()[-2000:]
        yield
        time.sleep(0.05)


def test_every_record_is_worked_on_in_order_and_then_committed(
    settings: Settings, tmp_path: Path
) -> None:
    asyncio.run(produce(settings, 4000))
    path = tmp_path / "notes"
    worker = start_worker(settings, path, seed=1, limit=37)
    for _ in until_done(path, 1000, 30):
        pass
    time.sleep(1.5)
    assert processes.stop(worker) == 0
    assert asyncio.run(committed(settings)) == dict.fromkeys(range(4), 1000)
    assert all(noted(path)[n] == list(range(1000)) for n in range(4))


def test_nothing_is_fetched_until_the_seek_after_a_recovery_is_done(
    settings: Settings, tmp_path: Path
) -> None:
    """Faust resumes the partitions first, then seeks, then empties the agents' queues: whatever
    came in between was lost, and what followed it was committed."""
    path = tmp_path / "notes"
    for each, seek_seconds in ((50, 0.0), (100, 0.5)):
        asyncio.run(produce(settings, 200))
        worker = start_worker(settings, path, seed=1, limit=1, seek_seconds=seek_seconds)
        assert_done_and_committed(settings, worker, path, each)


def assert_done_and_committed(
    settings: Settings, worker: subprocess.Popen[bytes], path: Path, each: int
) -> None:
    """Of each partition every offset up to `each`, and nothing beyond."""
    for _ in until_done(path, each, 30):
        pass
    time.sleep(1.5)
    assert processes.stop(worker) == 0
    assert asyncio.run(committed(settings)) == dict.fromkeys(range(4), each)
    assert all(set(noted(path)[n]) == set(range(each)) for n in range(4))


@pytest.mark.faults
def test_kill_9_at_random_moments_loses_nothing_and_commits_nothing_undone(
    settings: Settings, tmp_path: Path
) -> None:
    """Faust's loss table: with acknowledgement by hand and concurrency 1, none is lost."""
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201 - a failure is repeated by it
    chance = random.Random(seed)
    asyncio.run(produce(settings, 8000))
    path = tmp_path / "notes"
    for run in range(5):
        worker = start_worker(settings, path, seed + run, limit=50)
        before = sum(map(len, noted(path).values()))
        deadline = time.monotonic() + 20
        while sum(map(len, noted(path).values())) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.random() * 1.5)
        worker.kill()
        worker.wait()
        done, marks = noted(path), asyncio.run(committed(settings))
        for n in range(4):
            assert set(range(marks[n])) <= set(done[n]), f"run {run}: committed before done"
    worker = start_worker(settings, path, seed, limit=50)
    for _ in until_done(path, 2000, 60):
        pass
    processes.stop(worker)
    assert all(set(noted(path)[n]) == set(range(2000)) for n in range(4))
