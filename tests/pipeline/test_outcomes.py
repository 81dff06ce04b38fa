"""What is told of commands is heard by those who wait, from the moment on that they wait."""

import asyncio
from typing import Any

import pytest

from schemas import data, events
from schemas.topics import EVENTS, FAILURES, FailureHeader
from streams import kafka
from streams.outcomes import Outcomes
from streams.settings import Settings
from streams.told_failures import ToldFailure
from tests.unit.api.calls import NOW

pytestmark = pytest.mark.pipeline


def event(profile: str, command_id: str, number: int = 1) -> events.Event:
    return events.SendAttempted(
        id=f"{command_id}-{number}",
        source="/dmstream/delivery/1",
        time=NOW,
        receivedat=NOW,
        profileid=profile,
        platform="facebook",
        data=data.SendAttempted(
            provider="meta",
            account_id="1",
            correspondent_id="2",
            command_id=command_id,
            attempt=number,
        ),
    )


def done(profile: str, command_id: str) -> events.Event:
    """Of a command that does not send: it is named in the event's cause."""
    return events.MessagingActivated(
        id=command_id,
        source=f"/dmstream/commands/{profile}",
        time=NOW,
        receivedat=NOW,
        profileid=profile,
        causationid=command_id,
        data=data.MessagingSwitched(),
    )


@pytest.fixture
def topics(settings: Settings) -> Settings:
    asyncio.run(kafka.ensure_topics(settings))
    return settings


async def tell(settings: Settings, *told: events.Event | bytes) -> None:
    producer = kafka.producer(settings)
    await producer.start()
    for one in told:
        value = one if isinstance(one, bytes) else one.to_json()
        key = b"shop" if isinstance(one, bytes) else one.profileid.encode()
        await producer.send_and_wait(settings.topic(EVENTS), value, key=key)
    await producer.stop()


async def heard(news: Any) -> str:
    found = await asyncio.wait_for(news.get(), 10)
    return str(found.id)


def test_who_waits_hears_what_is_told_of_their_command_from_then_on(topics: Settings) -> None:
    async def story() -> None:
        outcomes = Outcomes(topics)
        await tell(topics, event("shop", "mine", 1))
        async with (
            outcomes.watch("shop", "mine") as mine,
            outcomes.watch("shop", "done") as other,
            outcomes.watch("shop", "mine") as again,
        ):
            await tell(
                topics,
                b"not an event",
                event("other", "mine", 2),
                event("shop", "yours", 3),
                done("shop", "done"),
                event("shop", "mine", 4),
            )
            assert await heard(mine) == "mine-4"
            assert await heard(again) == "mine-4"
            assert await heard(other) == "done"
            assert mine.empty()
        assert outcomes._waiting == {}
        await outcomes.stop()

    asyncio.run(story())


def test_who_waits_hears_that_their_command_can_t_be_carried_out(topics: Settings) -> None:
    async def story() -> None:
        outcomes = Outcomes(topics)
        async with (
            outcomes.watch("shop", "mine") as mine,
            outcomes.watch("shop", "yours") as yours,
        ):
            await fail(topics, b"not a command")
            await fail(topics, b'{"profileid":["shop"],"command_id":["mine"]}')
            await fail(topics, b'{"profileid":"shop","command_id":"mine"}', stage="backfill")
            await fail(topics, b'{"profileid":"shop","command_id":"mine"}')
            told = await asyncio.wait_for(mine.get(), 10)
            assert isinstance(told, ToldFailure)
            assert (told.stage, told.sentence) == ("command", "because")
            assert yours.empty()
        await outcomes.stop()

    asyncio.run(story())


async def fail(settings: Settings, value: bytes, stage: str = "command") -> None:
    headers = [(FailureHeader.STAGE, stage.encode()), (FailureHeader.MESSAGE, b"because")]
    producer = kafka.producer(settings)
    await producer.start()
    topic = settings.topic(FAILURES)
    await producer.send_and_wait(topic, value, key=b"shop", headers=headers)
    await producer.stop()


def test_a_partition_that_nobody_waits_for_is_read_no_more_and_later_from_its_new_end(
    topics: Settings,
) -> None:
    async def story() -> None:
        now = 0.0
        outcomes = Outcomes(topics, monotonic=lambda: now)
        async with outcomes.watch("shop", "one") as news:
            await tell(topics, event("shop", "one", 1))
            await heard(news)
        assert outcomes._wanted
        now = 100.0
        await tell(topics, event("shop", "two", 1))
        async with asyncio.timeout(10):
            while outcomes._wanted:  # noqa: ASYNC110 - a task of the outcomes' own ends it
                await asyncio.sleep(0.02)
        await tell(topics, event("shop", "two", 2))
        async with outcomes.watch("shop", "two") as news:
            await tell(topics, event("shop", "two", 3))
            assert await heard(news) == "two-3"
        await outcomes.stop()

    asyncio.run(story())


def test_the_ends_are_those_of_the_log(topics: Settings) -> None:
    async def story() -> None:
        outcomes = Outcomes(topics)
        assert set((await outcomes.ends(None)).values()) == {0}
        await tell(topics, event("shop", "a", 1), event("shop", "a", 2))
        ((number, end),) = (await outcomes.ends("shop")).items()
        assert end == 2
        assert (await outcomes.ends(None))[number] == 2
        await outcomes.stop()

    asyncio.run(story())
