"""Automatic answers decided as their message is folded, and what a death in between leaves."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import commands, data, events
from schemas.ids import profile_event_id
from streams.agents.partition import ConversationPartition
from streams.conversation.rules import Rules
from tests.unit.agents.deciding import (
    HEARD,
    NOW,
    PROFILE,
    Place,
    heard,
    message,
    open_for_business,
)

EVENTS, OUTBOUND = "dm.events.v1", "dm.outbound.facebook.v1"
ANSWER = "We are on it."
MS = timedelta(milliseconds=1)


def answering() -> Place:
    """As `open_for_business`, and whoever writes from now on is answered."""
    place = open_for_business()
    on = commands.ConfigureAutoResponse(
        command_id="on", profileid=PROFILE, issued_at=NOW,
        change=data.AutoResponseConfigured(active=True, message=ANSWER),
    )  # fmt: skip
    place.decides(on)
    place.written.records.clear()
    return place


def asked() -> events.Event:
    return message(events.MessageReceived, "m2", text="Do you have this in blue?")


def batch(offset: int, *happened: events.Event) -> Any:
    return SimpleNamespace(value=heard(offset, *happened), message=HEARD)


def taken_over(place: Place, *log: events.Event) -> Any:
    """The place's next owner: what it reads again, since the message was never acknowledged."""
    place.written.records.clear()
    first = place.partition.position - 1
    place.partition = ConversationPartition(
        place.settings, Rules(), place.written, "log", lambda: NOW + timedelta(minutes=1),
        position=first, catch_up_to=first + len(log),
    )  # fmt: skip
    place.keeper.forget()
    return batch(first, *log)


def told(place: Place) -> list[events.Event]:
    return [events.parse_event(v or b"") for t, _, v in place.written.records if t == EVENTS]


@pytest.mark.anyio
async def test_a_message_is_answered_in_the_batch_that_folded_it() -> None:
    """As of the message's record, and by no command that somebody would have to read back."""
    place = answering()
    arrived = batch(place.partition.position, asked())
    assert await place.keeper.take([arrived]) == [arrived]
    (accepted,) = place.written.on(EVENTS)
    assert accepted["id"] == profile_event_id(PROFILE, "accepted", f"auto-{asked().id}")
    assert accepted["data"]["text"] == ANSWER
    assert events.parse_event(place.written.records[0][2] or b"").time == NOW + 7 * MS
    assert place.written.on(OUTBOUND) == [accepted]
    assert place.written.on("dm.commands.v1") == []


@pytest.mark.anyio
async def test_an_automatic_answer_is_refused_as_any_other_send_is() -> None:
    """Invariant 7."""
    place = answering()
    limit = commands.ChangeLimit(
        command_id="no", profileid=PROFILE, issued_at=NOW, change=data.LimitChanged(monthly_limit=0)
    )
    place.decides(limit)
    await place.keeper.take([batch(place.partition.position, asked())])
    assert place.written.on(EVENTS)[-1]["data"]["reason"] == "monthly_limit_reached"
    assert place.written.on(OUTBOUND) == []


@pytest.mark.anyio
async def test_two_messages_of_one_batch_are_answered_once() -> None:
    """Invariant 8."""
    place = answering()
    second = message(events.MessageReceived, "m3", text="Hello?")
    await place.keeper.take([batch(place.partition.position, asked(), second, asked())])
    assert len(place.written.on(EVENTS)) == len(place.written.on(OUTBOUND)) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("state_was_written", [True, False])
async def test_an_answer_that_was_accepted_but_not_handed_on_is_handed_on_by_the_next_owner(
    *, state_was_written: bool
) -> None:
    """Invariant 6: the worker died between the two."""
    place = answering()
    before = dict(place.table.data)
    await place.keeper.take([batch(place.partition.position, asked())])
    (accepted,) = told(place)
    if not state_was_written:
        place.table.data = before
    read = taken_over(place, asked(), accepted)
    assert await place.keeper.take([read]) == [read]
    assert told(place) == []
    assert place.written.on(OUTBOUND) == [json.loads(accepted.to_json())]


@pytest.mark.anyio
async def test_an_answer_whose_acceptance_was_lost_is_decided_again_to_the_same_event() -> None:
    """Invariants 3 and 6: the worker died before anything was durable."""
    place = answering()
    before = dict(place.table.data)
    await place.keeper.take([batch(place.partition.position, asked())])
    (accepted,) = told(place)
    place.table.data = before
    await place.keeper.take([taken_over(place, asked())])
    assert told(place) == [accepted]
    assert len(place.written.on(OUTBOUND)) == 1


@pytest.mark.anyio
async def test_an_answer_whose_outcome_is_known_is_not_handed_on_again() -> None:
    """Invariant 8."""
    place = answering()
    await place.keeper.take([batch(place.partition.position, asked())])
    (accepted,) = told(place)
    sent = message(
        events.MessageSent, "m9", text=ANSWER, command_id=f"auto-{asked().id}", origin="auto"
    )
    await place.keeper.take([taken_over(place, asked(), accepted, sent)])
    assert told(place) == []
    assert place.written.on(OUTBOUND) == []


@pytest.mark.anyio
async def test_nothing_that_is_owed_is_acknowledged_before_it_is_paid() -> None:
    """Invariants 6 and 9: a worker that dies while it catches up leaves as much to the next."""
    place = answering()
    await place.keeper.take([batch(place.partition.position, asked())])
    (accepted,) = told(place)
    other = message(events.MessageSent, "m8", text="By hand.")
    log = (asked(), accepted, other)
    taken_over(place, *log)
    at = place.partition.position
    first, second, third = (batch(at + n, event) for n, event in enumerate(log))
    assert await place.keeper.take([first]) == [first]  # the state knows that it was answered
    assert await place.keeper.take([second]) == []
    assert place.written.on(OUTBOUND) == []
    assert await place.keeper.take([third]) == [second, third]
    assert len(place.written.on(OUTBOUND)) == 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
