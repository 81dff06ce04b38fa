"""Sends on their way: order, retries and waits."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas import events
from streams.providers.protocol import ErrorClass, Sent
from tests.unit.agents.sends import NOON, World, error

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


async def test_an_attempt_is_noted_before_its_request_and_its_end_after_it() -> None:
    world = World()
    await world.submit("a")
    assert world.journal.told("a") == ["send.attempted", "message.sent"]
    (sent,) = [e for e in world.journal.events if isinstance(e, events.MessageSent)]
    assert (sent.data.message_id, sent.data.text) == ("m-a", "text of a")


async def test_a_conversation_s_sends_leave_one_after_another_in_their_order() -> None:
    world = World()
    world.answers["1"] = [TRANSIENT, TRANSIENT]
    await asyncio.gather(*(world.submit(str(number)) for number in range(5)))
    assert world.requests == ["0", "1", "1", "1", "2", "3", "4"]
    assert world.most_in_flight == 1


async def test_conversations_go_side_by_side() -> None:
    world = World()
    world.answers["slow"] = [forever]
    slow = world.submit("slow", "first person")
    await asyncio.gather(*(world.submit(str(n), f"person {n}") for n in range(10)))
    assert not slow.done()
    assert world.most_in_flight == 11
    slow.cancel()


async def test_one_provider_that_hangs_leaves_the_others_their_slots() -> None:
    world = World()
    world.dispatcher.at_once = 2
    hanging = []
    for number in range(4):
        world.answers[f"h{number}"] = [forever]
        hanging.append(world.submit(f"h{number}", f"person {number}"))
    await settle()
    assert world.in_flight == 2
    await asyncio.wait_for(world.submit("x", "another", provider="x"), 1)
    for task in hanging:
        task.cancel()


async def test_what_is_transient_is_tried_three_times_and_then_waits_on_the_delayed_topic() -> None:
    world = World()
    world.answers["a"] = [TRANSIENT] * 4
    await world.submit("a")
    assert len(world.requests) == 3
    ((item, until),) = world.journal.delayed
    assert (item.turn, until > world.clock.now) == (1, True)
    await world.run_to_the_end()
    assert world.journal.told("a") == ["send.attempted"] * 5 + ["message.sent"]


@pytest.mark.parametrize(
    "error_class",
    [
        ErrorClass.BAD_REQUEST,
        ErrorClass.WINDOW_CLOSED,
        ErrorClass.THREAD_CONTROL,
        ErrorClass.RECIPIENT_UNAVAILABLE,
    ],
)
async def test_what_was_refused_fails_at_once(error_class: ErrorClass) -> None:
    world = World()
    world.answers["a"] = [error(error_class, http_status=400, code=10, subcode=7)]
    await world.submit("a")
    assert world.journal.told("a") == ["send.attempted", f"send.failed={error_class}"]
    failed = world.journal.events[-1]
    assert isinstance(failed, events.SendFailed)
    assert (failed.data.http_status, failed.data.code, failed.data.subcode) == (400, 10, 7)


async def test_what_may_have_been_delivered_is_unknown_and_not_tried_again() -> None:
    """Invariant 8."""
    world = World()
    world.answers["a"] = [error(ErrorClass.MAYBE_DELIVERED)]
    await world.submit("a")
    world.restart()
    await world.submit("a")
    assert world.requests == ["a"]
    assert world.journal.told("a") == ["send.attempted", "send.unknown=maybe_delivered"]
    unknown = world.journal.events[-1]
    assert isinstance(unknown, events.SendUnknown)
    assert unknown.data.text == "text of a"


async def test_a_dead_token_unlinks_the_account_and_the_others_are_not_attempted() -> None:
    world = World()
    world.answers["a"] = [error(ErrorClass.TOKEN_INVALID)]
    await world.submit("a", "one")
    await world.submit("b", "two", at=NOON - timedelta(seconds=1))
    await world.submit("c", "three", account="another page")
    assert world.requests == ["a", "c"]
    assert [e.type for e in world.journal.events].count("dm.account.unlinked.v1") == 1
    assert world.journal.told("b") == ["send.failed=token_invalid"]


@pytest.mark.parametrize(("provider", "waits"), [("ayrshare", True), ("meta", False)])
async def test_a_rate_limit_holds_back_whom_the_provider_counts_together(
    provider: str, waits: bool
) -> None:
    """Ayrshare counts the calls of a profile on all its networks; Meta those of an account."""
    world = World()
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=60.0)]
    await world.submit("a", "one", provider=provider)
    await world.submit("b", "two", provider=provider, account="another page")
    assert world.requests == (["a"] if waits else ["a", "b"])


async def test_sends_accepted_after_a_dead_token_s_account_was_linked_again_go_out() -> None:
    world = World()
    world.answers["a"] = [error(ErrorClass.TOKEN_INVALID)]
    await world.submit("a")
    world.clock.now = NOON + timedelta(minutes=1)
    await world.submit("b", at=NOON + timedelta(seconds=30))
    assert world.requests == ["a", "b"]


async def test_a_rate_limit_holds_the_account_back_and_nobody_else() -> None:
    world = World()
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=60)]
    await world.submit("a", "one")
    await world.submit("b", "two")
    await world.submit("c", "three", account="another page")
    assert world.requests == ["a", "c"]
    assert [item.accepted.data.command_id for item, _ in world.journal.delayed] == ["a", "b"]
    await world.run_to_the_end()
    assert world.clock.now >= NOON + timedelta(seconds=60)
    assert sorted(world.requests) == ["a", "a", "b", "c"]


async def test_a_pause_that_the_platform_announces_holds_back_the_next_send() -> None:
    world = World()
    world.answers["a"] = [Sent(("m-a",), "p", pause_seconds=30)]
    await world.submit("a", "one")
    await world.submit("b", "two")
    assert world.requests == ["a"]


async def test_a_wait_beyond_the_command_s_time_fails_it_as_expired() -> None:
    world = World()
    world.answers["a"] = [error(ErrorClass.RATE_LIMITED, retry_after_seconds=3600)]
    await world.submit("a")
    assert world.journal.told("a")[-1] == "send.failed=expired"
    assert world.journal.delayed == []


async def test_the_reply_window_is_looked_at_again_at_each_attempt() -> None:
    """Invariant 7."""
    world = World()
    world.answers["a"] = [TRANSIENT] * 3
    ends = NOON + timedelta(seconds=20)
    await world.submit("a", window_expires_at=ends)
    world.clock.now = ends
    await world.submit("b", window_expires_at=ends)
    assert world.journal.told("b") == ["send.failed=window_closed"]
    await world.run_to_the_end()
    assert len(world.requests) <= 3 + 1
    assert all(e.time < ends for e in world.journal.events if isinstance(e, events.SendAttempted))


@pytest.mark.parametrize(("window", "ends"), [(None, 900), (60, 60), (3600, 900)])
async def test_a_connector_is_told_until_when_it_may_write(window: int | None, ends: int) -> None:
    """Invariant 7: noting the attempt may take long (the broker is away), uploads as well."""
    world = World()
    closes = None if window is None else NOON + timedelta(seconds=window)
    await world.submit("a", window_expires_at=closes)
    assert world.outbounds[0].not_after == NOON + timedelta(seconds=ends)


async def test_ten_troubles_in_a_row_open_the_circuit_and_the_rest_waits() -> None:
    world = World()
    for number in range(10):
        world.answers[str(number)] = [error(ErrorClass.MAYBE_DELIVERED)]
        await world.submit(str(number), f"person {number}")
    await world.submit("waits", "another")
    assert "waits" not in world.requests
    await world.run_to_the_end()
    assert world.journal.told("waits") == ["send.attempted", "message.sent"]


async def test_later_sends_stay_behind_one_that_waits_even_when_its_time_has_come() -> None:
    world = World()
    world.answers["a"] = [TRANSIENT] * 3
    await world.submit("a")
    world.clock.now += timedelta(minutes=1)  # due, but not read from the delayed topic yet
    await world.submit("b")
    assert world.requests == ["a"] * 3
    await world.run_to_the_end()
    assert world.requests == ["a"] * 4 + ["b"]


async def test_a_restart_does_not_forget_that_an_earlier_send_waits() -> None:
    world = World()
    world.answers["a"] = [TRANSIENT] * 3
    await world.submit("a")
    world.restart()
    world.clock.now += timedelta(minutes=1)
    await world.submit("b")
    await world.run_to_the_end()
    assert world.requests == ["a"] * 4 + ["b"]


async def test_only_the_newest_record_of_the_delayed_topic_counts() -> None:
    world = World()
    world.answers["a"] = [TRANSIENT] * 4
    await world.submit("a")
    await asyncio.gather(*world.submit_delayed())
    assert [item.turn for item, _ in world.journal.delayed] == [1, 2]
    world.restart()
    await asyncio.gather(*world.submit_delayed())
    assert len(world.requests) == 5
    assert world.journal.told("a").count("message.sent") == 1
    last_attempt = [e for e in world.journal.events if isinstance(e, events.SendAttempted)][-1]
    assert last_attempt.time >= world.journal.delayed[1][1]


async def test_of_several_messages_the_next_attempt_sends_what_is_missing() -> None:
    world = World()
    world.answers["a"] = [
        replace(TRANSIENT, delivered=("m1",)),
        Sent(("m1", "m2"), "p"),
    ]
    await world.submit("a", media_urls=("https://example.org/a.png",))
    assert [outbound.delivered for outbound in world.outbounds] == [(), ("m1",)]
    messages = [e.data for e in world.journal.events if isinstance(e, events.MessageSent)]
    assert [(m.message_id, m.text, m.command_id) for m in messages] == [
        ("m1", "text of a", None),
        ("m2", None, "a"),
    ]
    assert [len(m.attachments) for m in messages] == [0, 1]
