"""The archive back onto the log, with a real broker."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiokafka import ConsumerRecord

from schemas import data
from schemas.accounts import AccountRecord
from schemas.events import AccountLinked
from schemas.topics import ACCOUNTS, EVENTS, EventHeader
from sinks.incarnations import Archived
from streams import kafka
from streams.local.restore import Restored, restore
from streams.local.resuming import Resumed
from streams.log_positions import log_ends
from streams.settings import Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka(long=True)]

AT = datetime(2026, 11, 22, tzinfo=UTC)


def archived(key: bytes, value: bytes, number: int = 0) -> Archived:
    return Archived(key, value, f"old-log/{number % 3}/{number}")


def some_events(count: int) -> list[Archived]:
    """Of 50 profiles, of many sizes: some fill a batch of the producer alone."""
    rng = random.Random(7)
    sizes = [rng.choice((10, 300, 2_000)) for _ in range(count)]
    sizes[17::5_000] = [700_000] * len(sizes[17::5_000])
    return [
        archived(b"profile-%d" % rng.randrange(50), b"%d %s" % (number, b"x" * size), number)
        for number, size in enumerate(sizes)
    ]


async def read_all(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """Each partition in its order."""
    expected = sum((await log_ends(settings, topic)).values())
    consumer = kafka.reader(settings, topic)
    await consumer.start()
    try:
        records: list[ConsumerRecord] = []
        async with asyncio.timeout(20):
            while len(records) < expected:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        return records
    finally:
        await consumer.stop()


def test_every_event_comes_back_as_it_was_and_in_its_order(settings: Settings) -> None:
    """Invariant 4: what is folded again is what was folded before."""
    events = some_events(12_000)
    told: list[int] = []

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        restored = await restore(settings, events, progress=told.append)
        assert restored == Restored(len(events), Resumed())
        back: dict[bytes, list[Archived]] = defaultdict(list)
        partitions: dict[bytes, set[int]] = defaultdict(set)
        for record in await read_all(settings, EVENTS):
            ((name, origin),) = record.headers
            assert name == EventHeader.RESTORED_FROM
            back[record.key].append(Archived(record.key, record.value, origin.decode()))
            partitions[record.key].add(record.partition)
        expected: dict[bytes, list[Archived]] = defaultdict(list)
        for event in events:
            expected[event.key].append(event)
        assert back == expected
        assert all(len(places) == 1 for places in partitions.values())

    asyncio.run(scenario())
    assert told[-1] == len(events)
    assert told == sorted(told)


def test_a_restored_profile_is_where_its_new_events_will_go(settings: Settings) -> None:
    """One partition a profile, whoever writes: order depends on it."""

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        keys = [f"profile-{number}".encode() for number in range(40)]
        await restore(settings, [archived(key, b"{}") for key in keys], progress=lambda _: None)
        placed = {record.key: record.partition for record in await read_all(settings, EVENTS)}
        producer = kafka.producer(settings)
        await producer.start()
        try:
            for key in keys:
                sent = await producer.send_and_wait(settings.topic(EVENTS), b"{}", key=key)
                assert sent.partition == placed[key]
        finally:
            await producer.stop()

    asyncio.run(scenario())


def test_the_accounts_that_events_tell_of_are_known_again(settings: Settings) -> None:
    linked = AccountLinked(
        id="l", source="/dmstream/x/44", time=AT, receivedat=AT, profileid="p",
        data=data.AccountLink(provider="x", platform="x", account_id="44"),
    ).to_json()  # fmt: skip

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        await restore(settings, [archived(b"p", linked)], progress=lambda _: None)
        (record,) = await read_all(settings, ACCOUNTS)
        assert record.key == b"x:44"
        assert AccountRecord.model_validate_json(record.value).profileid == "p"

    asyncio.run(scenario())


def test_an_archive_that_fails_midway_ends_the_restore_with_its_error(settings: Settings) -> None:
    def failing() -> Iterator[Archived]:
        yield from some_events(6_000)
        raise ConnectionResetError

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        with pytest.raises(ConnectionResetError):
            await restore(settings, failing(), progress=lambda _: None)

    asyncio.run(scenario())


def test_the_end_of_the_log_is_told_right_whatever_the_last_batch_was(settings: Settings) -> None:
    """Measured: the embedded broker's plain answer is the last batch's first offset plus one."""

    async def scenario() -> None:
        await kafka.ensure_topics(settings)
        producer = kafka.producer(settings)
        await producer.start()
        try:
            written = 0
            for size in (1, 1, 5, 100, 1, 37):
                batch = producer.create_batch()
                for _ in range(size):
                    batch.append(key=b"k", value=b"v", timestamp=None)
                await (await producer.send_batch(batch, settings.topic(EVENTS), partition=1))
                written += size
                ends = await log_ends(settings, EVENTS)
                assert {place.partition: end for place, end in ends.items()} == {
                    0: 0, 1: written, 2: 0, 3: 0,
                }  # fmt: skip
        finally:
            await producer.stop()

    asyncio.run(scenario())
