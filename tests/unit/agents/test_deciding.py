"""Commands decided, in the order of writing that a crash may cut anywhere."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import commands, data, events
from schemas.base import to_milliseconds
from schemas.ids import event_id, profile_event_id
from streams.agents.conversations import LeaseOverError, StateKeeper
from streams.agents.deciding import Deciding
from streams.agents.outbox import Outbox
from streams.agents.partition import ConversationPartition
from streams.agents.state_table import StateTable
from streams.agents.working_set import WorkingSet
from streams.conversation.rules import Rules
from streams.partitions import partition_of
from streams.settings import Settings

PROFILE, PAGE, PERSON = "shop", "page", "person"
CONVERSATION = f"facebook:{PAGE}:{PERSON}"
NOW = to_milliseconds(datetime(2026, 11, 20, 12, tzinfo=UTC))
NUMBER = partition_of(PROFILE.encode(), 8)
ASKED = SimpleNamespace(topic="dm.commands.v1", partition=NUMBER)
HEARD = SimpleNamespace(topic="dm.events.v1", partition=NUMBER)
SEND = commands.SendMessage(
    command_id="c1", profileid=PROFILE, issued_at=NOW, conversation_id=CONVERSATION, text="Yes."
)


class Written(Outbox):
    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None]] = []
        self.headers: list[dict[str, bytes]] = []

    def add(
        self, topic: str, key: Any, value: Any, headers: Any = None, *, partition: Any = None
    ) -> None:
        del partition
        self.records.append((topic, key, value))
        if headers:
            self.headers.append(dict(headers))

    async def flush(self) -> None:
        pass

    def on(self, topic: str) -> list[Any]:
        return [json.loads(value or b"") for name, _, value in self.records if name == topic]


class Table(StateTable):
    """Without Faust."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.data.get(key)

    def keys_of(self, partition: int) -> list[bytes]:
        del partition
        return list(self.data)

    def queue_changelog(self, changes: Any, outbox: Outbox, partition: int) -> Any:
        del outbox, partition
        return list(changes)

    def apply(self, changes: Any) -> None:
        for key, value in changes:
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value


@dataclass
class Place:
    """One partition and what its worker keeps, without Faust."""

    written: Written = field(default_factory=Written)
    table: Table = field(default_factory=Table)
    end: int = 0

    def __post_init__(self) -> None:
        self.settings = Settings(_env_file=None)
        self.partition = ConversationPartition(
            self.settings, Rules(), self.written, "log", lambda: NOW, position=0, catch_up_to=0
        )
        self.keeper = StateKeeper(
            self.table,
            self.written,
            self._open,
            self._end,
            commands=self.settings.topic("dm.commands.v1"),
            lease_seconds=10.0,
        )

    async def _open(self, _: int) -> ConversationPartition:
        return self.partition

    async def _end(self, _: int) -> int:
        return self.end

    def decides(self, *wanted: Any, partition: int = NUMBER) -> None:
        states = WorkingSet(self.table)
        Deciding(self.partition, states).decide(records(*wanted, partition=partition))
        self.table.apply(states.changes())

    def starts_anew(self) -> None:
        """Its worker dies; the next one has its state."""
        before = self.partition.position
        self.partition = ConversationPartition(
            self.settings, Rules(), self.written, "log", lambda: NOW, position=before, catch_up_to=0
        )

    def hear(self, *happened: events.Event) -> None:
        states = WorkingSet(self.table)
        self.partition.fold(
            heard(self.partition.position, *happened),
            states,
        )
        self.table.apply(states.changes())


def heard(offset: int, *happened: events.Event) -> list[Any]:
    """Records of `dm.events.v1`."""
    return [
        SimpleNamespace(
            offset=offset + n, value=event.to_json(), key=b"", headers=[],
            timestamp=round(NOW.timestamp() * 1000) + 7,
        )
        for n, event in enumerate(happened)
    ]  # fmt: skip


def records(*wanted: Any, partition: int = NUMBER) -> list[Any]:
    return [
        SimpleNamespace(
            topic="dm.commands.v1", partition=partition, offset=offset, headers=[],
            key=PROFILE.encode(), timestamp=round(NOW.timestamp() * 1000),
            value=value if isinstance(value, bytes) else value.model_dump_json().encode(),
        )
        for offset, value in enumerate(wanted)
    ]  # fmt: skip


def envelope(its_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": its_id, "source": "/test", "time": NOW, "receivedat": NOW,
        "profileid": PROFILE, **more,
    }  # fmt: skip


def message(kind: type[Any], message_id: str, **more: Any) -> Any:
    return kind(
        **envelope(
            event_id("meta", PAGE, "message", message_id), subject=CONVERSATION, platform="facebook"
        ),
        data=data.Message(
            provider="meta", account_id=PAGE, correspondent_id=PERSON, message_id=message_id, **more
        ),
    )


def open_for_business() -> Place:
    """The profile is registered, its page linked, and the person has written."""
    place = Place()
    linked = commands.LinkAccount(
        command_id="l", profileid=PROFILE, issued_at=NOW, provider="meta", platform="facebook",
        account_id=PAGE, credential="shop",
    )  # fmt: skip
    place.decides(
        commands.RegisterProfile(command_id="r", profileid=PROFILE, issued_at=NOW, reference="ref"),
        commands.ActivateMessaging(command_id="a", profileid=PROFILE, issued_at=NOW),
        linked,
    )
    place.hear(message(events.MessageReceived, "m1", text="Is it there?"))
    return place


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
