"""A correspondent is erased while sends to them are under way: they end, and say nothing of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from schemas import events
from schemas.erasures import ErasureRecord
from streams.agents.pace import Pace
from streams.limits import Limit
from streams.providers.protocol import ErrorClass, Sent
from streams.providers.rates import Rate
from tests.unit.agents.sends import NOON, World, error

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def erase(world: World, person: str, seconds: float = 0) -> None:
    conversation = f"facebook:page:{person}"
    world.erasures.note(
        ErasureRecord(
            profileid="profile",
            conversation_id=conversation,
            erased_at=NOON + timedelta(seconds=seconds),
        )
    )
    world.dispatcher.erased(conversation)


async def settle() -> None:
    for _ in range(15):  # fewer than the clock waits before it passes time
        await asyncio.sleep(0)


def texts(world: World) -> list[str]:
    found = [getattr(event.data, "text", None) for event in world.journal.events]
    return [text for text in found if text]


async def test_one_that_waits_on_the_delayed_topic_ends_at_once_and_others_wait_on() -> None:
    """Invariant 6."""
    world = World()
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=600)]
    await world.submit("a", "one")
    await world.submit("b", "two")
    first, second = world.submit_delayed()
    await settle()
    erase(world, "one")
    await first
    assert world.clock.now == NOON
    assert world.journal.told("a")[-1] == "send.failed=erased"
    assert not second.done()
    await second
    assert (texts(world), world.requests) == (["text of b"], ["a", "b"])


async def test_one_that_was_not_begun_is_not_attempted_whoever_reads_it_next() -> None:
    world = World()
    erase(world, "one")
    item = world.item("a", "one")
    await world.dispatcher.submit(item)
    world.restart()
    await world.dispatcher.submit(item)
    assert world.requests == []
    assert world.journal.told("a") == ["send.failed=erased"]


async def test_one_that_rests_between_two_attempts_or_for_its_turn_ends_at_once() -> None:
    world = World(pace=Pace({"meta": (Rate(Limit(3, 9)),)}))
    world.answers["a"] = [error(ErrorClass.TRANSIENT)]
    tasks = [world.submit(name, "one" if name == "a" else name) for name in ("a", "b", "c")]
    await settle()
    erase(world, "one")
    erase(world, "b")
    await asyncio.gather(*tasks[:2])
    assert world.clock.now == NOON
    assert world.journal.told("a") == ["send.attempted", "send.failed=erased"]
    assert world.journal.told("b") == ["send.failed=erased"]
    await world.run_to_the_end(tasks[2])
    assert world.journal.told("c")[-1] == "message.sent"


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (Sent(("m-a",), "one"), "message.sent"),
        (error(ErrorClass.MAYBE_DELIVERED), "send.unknown=maybe_delivered"),
        (error(ErrorClass.TRANSIENT), "send.failed=erased"),
        (error(ErrorClass.RATE_LIMITED, retry_after_seconds=60), "send.failed=erased"),
        (error(ErrorClass.BAD_REQUEST), "send.failed=bad_request"),
    ],
)
async def test_of_one_whose_request_is_under_way_the_end_is_told_without_its_text(
    answer: Any, end: str
) -> None:
    world = World()
    go = asyncio.Event()

    async def slowly() -> Any:
        await go.wait()
        return answer

    world.answers["a"] = [slowly]
    attempt = world.submit("a", "one", media_urls=("https://example.org/a.png",))
    await settle()
    erase(world, "one")
    go.set()
    await attempt
    assert world.journal.told("a")[-1] == end
    assert len(world.requests) == 1
    assert (texts(world), world.journal.delayed) == ([], [])
    assert not any(getattr(event.data, "attachments", ()) for event in world.journal.events)


async def test_one_whose_attempt_is_just_being_noted_is_not_written_any_more() -> None:
    world = World()
    note = world.journal.attempting

    async def slowly(*noted: Any) -> None:
        await note(*noted)
        erase(world, "one")

    world.journal.attempting = slowly  # type: ignore[method-assign]
    await world.submit("a", "one")
    assert world.requests == []
    assert world.journal.told("a") == ["send.attempted", "send.failed=erased"]


async def test_one_that_a_crash_cut_is_told_unknown_without_its_text() -> None:
    world = World()
    world.answers["a"] = [asyncio.Event().wait]
    item = world.item("a", "one")
    cut = world.dispatcher.submit(item)
    await settle()
    cut.cancel()
    world.restart()
    erase(world, "one")
    await world.dispatcher.submit(item)
    assert world.journal.told("a")[-1] == "send.unknown=interrupted"
    assert texts(world) == []


async def test_what_is_accepted_after_the_erasure_leaves_in_its_time() -> None:
    world = World()
    world.answers["new"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=60)]
    new = world.item("new", "one", at=NOON + timedelta(seconds=1))
    await world.dispatcher.submit(new)
    (waiting,) = world.submit_delayed()
    await settle()
    erase(world, "one")
    await waiting
    assert world.clock.now >= NOON + timedelta(seconds=60)
    sent = world.journal.events[-1]
    assert isinstance(sent, events.MessageSent)
    assert sent.data.text == "text of new"
