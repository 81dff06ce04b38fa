"""One partition whose worker decides, and records for it, without Faust and without a log."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from schemas import commands, data, events
from schemas.base import to_milliseconds
from schemas.ids import event_id
from streams.agents.conversations import StateKeeper
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
