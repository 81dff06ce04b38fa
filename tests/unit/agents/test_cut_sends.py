"""Sends that a crash or a stop cuts: what goes on afterwards, and what never does again."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events
from streams.agents.dispatcher import StoppedError
from streams.providers.protocol import ErrorClass, Sent
from tests.unit.agents.sends import World, error

pytestmark = pytest.mark.anyio
TRANSIENT = error(ErrorClass.TRANSIENT)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def forever() -> Any:
    await asyncio.Event().wait()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_an_attempt_without_an_end_is_told_unknown_and_never_repeated() -> None:
    """Invariant 8: the crash came between the request and its answer."""
    world = World()
    world.answers["a"] = [forever]
    item = world.item("a")
    cut = world.dispatcher.submit(item)
    await settle()
    assert world.requests == ["a"]
    cut.cancel()
    world.restart()
    await world.dispatcher.submit(item)
    assert world.requests == ["a"]
    assert world.journal.told("a")[-1] == "send.unknown=interrupted"
    attempts = [e for e in world.journal.events if isinstance(e, events.SendAttempted)]
    assert len({e.id for e in attempts}) == 1


async def test_a_crash_between_two_quick_attempts_goes_on_and_counts_them() -> None:
    world = World()
    world.answers["a"] = [TRANSIENT]
    item = world.item("a")
    resting = asyncio.Event()

    async def rest(_: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    world.dispatcher._resting.sleep = rest
    cut = world.dispatcher.submit(item)
    await resting.wait()
    cut.cancel()
    world.restart()
    await world.dispatcher.submit(item)
    assert world.journal.told("a") == ["send.attempted", "send.attempted", "message.sent"]
    assert len({e.id for e in world.journal.events}) == 3


async def test_a_send_handed_on_twice_goes_out_once() -> None:
    world = World()
    await asyncio.gather(world.submit("a"), world.submit("a"))
    world.restart()
    await world.submit("a")
    assert world.requests == ["a"]


async def test_stopping_waits_for_attempts_under_way_and_begins_no_other() -> None:
    world = World()
    go = asyncio.Event()

    async def answer() -> Any:
        await go.wait()
        return Sent(("m-a",), "p")

    world.answers["a"] = [answer]
    first, second = world.submit("a"), world.submit("b")
    await settle()
    stopping = asyncio.create_task(world.dispatcher.stop())
    await settle()
    go.set()
    await stopping
    assert first.exception() is None
    assert isinstance(second.exception(), StoppedError)
    assert world.requests == ["a"]
    world.restart()
    await world.submit("b")
    assert world.requests == ["a", "b"]


async def test_stopping_does_not_wait_for_what_is_due_later() -> None:
    world = World()
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=60)]
    await world.submit("a")

    async def never(_: float) -> None:
        await asyncio.Event().wait()

    world.dispatcher._resting.sleep = never
    (due,) = world.submit_delayed()
    await settle()
    await asyncio.wait_for(world.dispatcher.stop(), 1)
    assert isinstance(due.exception(), StoppedError)


ANSWERS = st.sampled_from(
    [
        None,
        TRANSIENT,
        error(ErrorClass.RATE_LIMITED, retry_after_seconds=2),
        error(ErrorClass.RATE_LIMITED, retry_after_seconds=30),
        error(ErrorClass.MAYBE_DELIVERED),
        error(ErrorClass.BAD_REQUEST),
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    plan=st.lists(
        st.tuples(st.sampled_from(["one", "two"]), st.lists(ANSWERS, max_size=5)), max_size=10
    ),
    crashes=st.lists(st.integers(1, 60), max_size=3),
)
def test_whatever_happens_each_send_has_one_end_in_its_order_and_is_never_repeated_blindly(
    plan: list[tuple[str, list[Any]]], crashes: list[int]
) -> None:
    """Invariants 6 and 8, with crashes at any point; everything is read again after each."""

    async def run() -> World:
        world = World()
        items = []
        for number, (person, answers) in enumerate(plan):
            # After the errors of the plan it succeeds.
            world.answers[str(number)] = [answer for answer in answers if answer is not None]
            items.append(world.item(str(number), person))
        for steps in [*crashes, 0]:
            tasks = [world.dispatcher.submit(item) for item in items]
            tasks += world.submit_delayed()
            if not steps:
                known = len(world.journal.delayed)
                await asyncio.gather(*tasks)
                while known < len(world.journal.delayed):
                    again = world.submit_delayed(known)
                    known += len(again)
                    await asyncio.gather(*again)
                break
            for _ in range(steps):
                await asyncio.sleep(0)
            everything = asyncio.all_tasks() - {asyncio.current_task()}
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            world.restart()
        return world

    world = asyncio.run(run())
    assert world.repeated == []
    for number in range(len(plan)):
        told = [kind.split("=")[0] for kind in world.journal.told(str(number))]
        assert sum(kind != "send.attempted" for kind in told) == 1, told
    for person in ("one", "two"):
        first_requests = list(dict.fromkeys(r for r in world.requests if plan[int(r)][0] == person))
        assert first_requests == sorted(first_requests, key=int)
        sent = [
            event.data.message_id
            for event in world.journal.events
            if isinstance(event, events.MessageSent) and event.data.correspondent_id == person
        ]
        assert sent == sorted(sent, key=lambda name: int(name.removeprefix("m-")))
