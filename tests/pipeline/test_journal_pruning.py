"""The delivery worker forgets sends that ended long ago: with a real broker and a real worker."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from schemas import events
from streams import kafka
from streams.log_positions import log_ends
from streams.settings import Settings
from tests.pipeline.talking import Talk, talking

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka(long=True)]

CHANGELOG = "dmstream-delivery-sends-changelog"


@pytest.fixture
def talk(settings: Settings) -> Iterator[Talk]:
    with talking(settings, settings.data_dir, "conversations", "delivery") as found:
        yield found


def note(progress: str, age: timedelta) -> bytes:
    at = round((datetime.now(UTC) - age).timestamp() * 1000)
    value = {"progress": progress, "at": at, "turn": 0, "attempts": 1}
    return orjson.dumps(value | {"partition": 2, "expires": at} if progress == "done" else value)


async def write(settings: Settings, notes: dict[bytes, bytes]) -> None:
    producer = kafka.producer(settings)
    await producer.start()
    try:
        for key, value in notes.items():
            await producer.send_and_wait(settings.topic(CHANGELOG), value, key=key, partition=2)
    finally:
        await producer.stop()


async def newest(settings: Settings) -> dict[bytes, bytes | None]:
    """What compaction would leave, tombstones among it."""
    expected = sum((await log_ends(settings, CHANGELOG)).values())
    consumer = kafka.reader(settings, CHANGELOG)
    await consumer.start()
    found: dict[bytes, bytes | None] = {}
    try:
        async with asyncio.timeout(20):
            seen = 0
            while seen < expected:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    seen += len(records)
                    found.update({record.key: record.value for record in records})
    finally:
        await consumer.stop()
    return found


def test_notes_of_sends_that_ended_a_week_ago_are_forgotten_and_no_others(talk: Talk) -> None:
    settings = talk.running.settings
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    first = talk.send(account, person)
    assert isinstance(talk.outcome(first), events.MessageSent)
    week, day = timedelta(days=7, minutes=1), timedelta(days=1)
    talk.running.kill("delivery")
    written = {
        b"old": note("done", week),
        b"young": note("done", day),
        b"waits": note("waiting", week),
    }
    asyncio.run(write(settings, written))
    talk.running.start("delivery")
    assert isinstance(talk.outcome(talk.send(account, person)), events.MessageSent)
    found: dict[bytes, bytes | None] = {}

    def is_forgotten() -> bool:
        found.update(asyncio.run(newest(settings)))
        return found[b"old"] is None

    talk.running.wait(is_forgotten, 20, "a tombstone")
    assert {key: found[key] for key in (b"young", b"waits")} == {
        key: written[key] for key in (b"young", b"waits")
    }
    # A worker that recovers from a changelog with tombstones goes on as any other.
    talk.running.kill("delivery")
    talk.running.start("delivery")
    assert isinstance(talk.outcome(talk.send(account, person)), events.MessageSent)
    assert len(talk.box.attempts(person)) == 3
