"""Commands decided, in the order of writing that a crash may cut anywhere."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import data, events
from schemas.ids import profile_event_id
from streams.agents.conversations import LeaseOverError
from tests.unit.agents.deciding import (
    ASKED,
    CONVERSATION,
    HEARD,
    NUMBER,
    PAGE,
    PERSON,
    PROFILE,
    SEND,
    Place,
    envelope,
    heard,
    message,
    open_for_business,
    records,
)


def test_an_accepted_send_is_handed_on_only_when_asked() -> None:
    place = open_for_business()
    place.decides(SEND)
    assert place.written.on("dm.events.v1")[-1]["type"] == "dm.send.accepted.v1"
    assert place.written.on("dm.outbound.facebook.v1") == []
    place.partition.hand_on()
    (topic, key, value) = place.written.records[-1]
    assert (topic, key) == ("dm.outbound.facebook.v1", CONVERSATION.encode())
    assert json.loads(value or b"")["data"]["command_id"] == "c1"


def test_a_command_read_again_gives_no_event_but_is_handed_on_while_nothing_is_known() -> None:
    """Invariant 6: the worker died between the event and the handing on."""
    place = open_for_business()
    place.decides(SEND)
    place.starts_anew()
    told = len(place.written.on("dm.events.v1"))
    place.decides(SEND)
    place.partition.hand_on()
    assert len(place.written.on("dm.events.v1")) == told
    (handed_on,) = place.written.on("dm.outbound.facebook.v1")
    assert handed_on["id"] == profile_event_id(PROFILE, "accepted", "c1")
    place.hear(message(events.MessageSent, "m2", text="Yes.", command_id="c1", origin="api"))
    place.decides(SEND)
    place.partition.hand_on()
    assert len(place.written.on("dm.outbound.facebook.v1")) == 1


def test_an_erasure_is_told_to_the_delivery_worker_also_by_who_catches_up() -> None:
    """It was told to the log by a worker that died before it told the other topic."""
    erased = events.CorrespondentErased(
        **envelope("e1", subject=CONVERSATION, platform="facebook"),
        data=data.CorrespondentErased(
            provider="meta", account_id=PAGE, correspondent_id=PERSON
        ),
    )  # fmt: skip
    for catches_up in (False, True):
        place = open_for_business()
        place.partition.catch_up_to = place.partition.position + (2 if catches_up else 0)
        place.hear(erased, message(events.MessageReceived, "m2", text="Hello?"))
        (told,) = place.written.on("dm.erasures.v1")
        assert (told["profileid"], told["conversation_id"]) == (PROFILE, CONVERSATION)


def test_a_rejected_send_is_not_handed_on() -> None:
    place = open_for_business()
    place.decides(SEND.model_copy(update={"text": None}))
    place.partition.hand_on()
    assert place.written.on("dm.events.v1")[-1]["data"]["reason"] == "invalid"
    assert place.written.on("dm.outbound.facebook.v1") == []


def test_the_directory_learns_of_links_and_of_a_profile_s_reference() -> None:
    told = open_for_business().written.on("dm.accounts.v1")
    assert [(t["provider"], t["reference"], t["profileid"], t["credential"]) for t in told] == [
        ("ayrshare", "ref", PROFILE, None),
        ("meta", PAGE, PROFILE, "shop"),
    ]


@pytest.mark.parametrize(
    ("value", "partition", "reason"),
    [
        (b"no json", NUMBER, "invalid_command"),
        (b'{"type": "SendMessage", "txt": "secret words"}', NUMBER, "invalid_command"),
        (SEND, (NUMBER + 1) % 8, "wrong_partition"),
    ],
)
def test_what_is_no_command_of_this_partition_becomes_a_failure(
    value: Any, partition: int, reason: str
) -> None:
    place = open_for_business()
    place.decides(value, partition=partition)
    (headers,) = place.written.headers
    assert headers["dm-failure-reason"] == reason.encode()
    assert b"secret" not in b"".join(headers.values())


@pytest.mark.anyio
async def test_commands_wait_for_the_events_that_were_written_before_they_were_read() -> None:
    """The caller has seen the message that they answer."""
    place = open_for_business()
    place.end = place.partition.position + 1
    asked = SimpleNamespace(value=records(SEND), message=ASKED)
    assert await place.keeper.take([asked]) == []
    assert place.written.on("dm.outbound.facebook.v1") == []
    event = message(events.MessageReceived, "m2", text="Hello?")
    told = SimpleNamespace(value=heard(place.partition.position, event), message=HEARD)
    assert await place.keeper.take([told]) == [told, asked]
    assert len(place.written.on("dm.outbound.facebook.v1")) == 1


@pytest.mark.anyio
async def test_a_message_and_its_answer_that_come_together_are_done_together() -> None:
    place = open_for_business()
    event = message(events.MessageReceived, "m2", text="Hello?")
    told = SimpleNamespace(value=heard(place.partition.position, event), message=HEARD)
    place.end = place.partition.position + 1
    asked = SimpleNamespace(value=records(SEND), message=ASKED)
    assert await place.keeper.take([asked, told]) == [told, asked]
    assert len(place.written.on("dm.outbound.facebook.v1")) == 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_worker_that_was_frozen_over_a_batch_leaves_the_changelog_to_its_successor() -> None:
    """Invariant 4: in the changelog the last write wins, so a late one would undo a newer state."""
    place = Place()
    moments = iter([100.0, 100.0 + place.keeper.lease_seconds + 1])
    place.keeper.monotonic = lambda: next(moments)
    batch = SimpleNamespace(message=HEARD, value=heard(0, message(events.MessageReceived, "m1")))
    with pytest.raises(LeaseOverError, match=f"dm.events.v1/{NUMBER}"):
        asyncio.run(place.keeper.take([batch]))
    assert not place.table.data
