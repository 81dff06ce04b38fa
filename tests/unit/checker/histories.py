"""Small histories that keep every promise, for tests to break in one place each."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from schemas import commands, data, events
from schemas.base import rfc3339
from schemas.ids import event_id, profile_event_id
from schemas.topics import (
    COMMANDS,
    EVENTS,
    FAILURES,
    OUTBOUND_INSTAGRAM,
    WEBHOOKS,
    FailureHeader,
    WebhookHeader,
)
from schemas.webhooks import normalise
from streams.agents.working_set import WorkingSet
from streams.checker.history import (
    Archive,
    ArchivedRecord,
    Attempt,
    ConversationCounts,
    History,
    Place,
    Record,
    Request,
)
from streams.conversation.evolve import evolve

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = "17841400000000001"
PERSON = "5550000001"
CONVERSATION = f"instagram:{PAGE}:{PERSON}"
WEEK = 7 * 24 * 3600 * 1000


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def body(number: int, at: datetime) -> bytes:
    """A direct message as Meta's webhook of Instagram tells it."""
    message = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": ms(at),
        "message": {"mid": f"m{number}", "text": f"text {number}"},
    }
    entry = {"id": PAGE, "time": ms(at), "messaging": [message]}
    return orjson.dumps({"object": "instagram", "entry": [entry]})


@dataclass
class Story:
    """Writes a history as the pipeline would."""

    log: dict[str, list[Record]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    clock: datetime = AT

    def write(self, topic: str, value: bytes, *headers: tuple[str, str]) -> Record:
        self.clock += timedelta(milliseconds=100)
        lines = self.log.setdefault(topic, [])
        told = [(name, text.encode()) for name, text in headers]
        record = Record(Place(topic, 0, len(lines)), ms(self.clock), b"key", value, told)
        lines.append(record)
        return record

    def event(self, event: events.Event) -> events.Event:
        self.write(EVENTS, event.to_json())
        return event

    def webhook(self, number: int, *, told: bool = True, content: bytes | None = None) -> Record:
        """Sent in, acknowledged, and read into its events or failures."""
        sent = body(number, self.clock) if content is None else content
        self.requests.append(Request(sha256(sent).hexdigest(), 200, 200))
        record = self.write(
            WEBHOOKS,
            sent,
            (WebhookHeader.PROVIDER, "meta"),
            (WebhookHeader.RECEIVED_AT, rfc3339(self.clock)),
        )
        if told:
            self.tell(record)
        return record

    def tell(self, record: Record) -> None:
        result = normalise("meta", record.value or b"", self.clock)
        place = record.place
        for event in result.events:
            origin = f"{place.topic}/{place.partition}/{place.offset}"
            self.event(event.model_copy(update={"causationid": origin}))
        for failure in result.failures:
            self.fail(place, failure.stage, failure.reason)

    def fail(self, place: Place, stage: str, reason: str) -> None:
        self.write(
            FAILURES,
            b"{",
            (FailureHeader.STAGE, stage),
            (FailureHeader.REASON, reason),
            (FailureHeader.TOPIC, place.topic),
            (FailureHeader.PARTITION, str(place.partition)),
            (FailureHeader.OFFSET, str(place.offset)),
        )

    def command(self, command_id: str) -> Record:
        command = commands.SendMessage(
            command_id=command_id,
            profileid=PAGE,
            issued_at=self.clock,
            conversation_id=CONVERSATION,
            text="an answer",
        )
        return self.write(COMMANDS, command.model_dump_json(exclude_none=True).encode())

    def accept(self, command_id: str, **more: Any) -> events.Event:
        """`send.accepted`, and the record for the delivery worker."""
        person = more.pop("person", PERSON)
        given = {
            "month": "2026-11",
            "rank": 1,
            "expires_at": self.clock + timedelta(minutes=15),
            **more,
        }
        accepted = events.SendAccepted(
            **self.envelope("accepted", command_id, person=person),
            data=data.SendAccepted(**send(command_id, person), **given),
        )
        self.event(accepted)
        self.write(OUTBOUND_INSTAGRAM, accepted.to_json())
        return accepted

    def attempt(self, command_id: str, number: int = 1) -> None:
        self.event(
            events.SendAttempted(
                **self.envelope("attempted", command_id, str(number)),
                data=data.SendAttempted(**send(command_id), attempt=number),
            )
        )

    def sent(self, command_id: str) -> None:
        name = f"dm:{command_id}"
        self.event(
            events.MessageSent(
                **self.envelope("", command_id) | {"id": event_id("meta", PAGE, "message", name)},
                data=data.Message(
                    provider="meta",
                    account_id=PAGE,
                    correspondent_id=PERSON,
                    message_id=name,
                    command_id=command_id,
                    origin="api",
                ),
            )
        )
        self.attempts.append(Attempt(name, kept=True, settled=False))

    def envelope(self, kind: str, command_id: str, *parts: str, person: str = PERSON) -> Any:
        return {
            "id": profile_event_id(PAGE, kind, command_id, *parts),
            "source": "/dmstream/test",
            "time": self.clock,
            "receivedat": self.clock,
            "subject": f"instagram:{PAGE}:{person}",
            "profileid": PAGE,
            "platform": "instagram",
        }

    def history(self, **more: Any) -> History:
        """As it would have been recorded, with an archive and a state that are right."""
        told = [events.parse_event(record.value or b"") for record in self.log.get(EVENTS, ())]
        working = WorkingSet({})
        for event in told:
            before = working.load(event)
            working.store(event, before, evolve(before, event))
        state = {key: value for key, value in working.changes() if value is not None}
        records = [
            ArchivedRecord(record.place, "")
            for topic in (EVENTS, FAILURES)
            for record in self.log.get(topic, ())
        ]
        messages = [
            one for one in told if isinstance(one, events.MessageReceived | events.MessageSent)
        ]
        received = [ms(one.time) for one in messages if isinstance(one, events.MessageReceived)]
        sent = [ms(one.time) for one in messages if isinstance(one, events.MessageSent)]
        counts = ConversationCounts(
            len({one.data.message_id for one in messages}),
            max(received, default=None),
            max(sent, default=None),
        )
        archive = Archive(
            records=records,
            events=sorted({(one.profileid, one.id) for one in told}),
            conversations={(PAGE, CONVERSATION): counts} if messages else {},
            daily_messages={PAGE: counts.messages},
        )
        whole = History(
            log=self.log,
            requests=self.requests,
            archive=archive,
            state=state,
            attempts=self.attempts,
            single_writer=True,
            windows={"instagram": WEEK, "facebook": None, "x": None},
        )
        return replace(whole, **more)


def send(command_id: str, person: str = PERSON) -> dict[str, Any]:
    return {
        "provider": "meta",
        "account_id": PAGE,
        "correspondent_id": person,
        "command_id": command_id,
    }


def ordinary() -> Story:
    """Three messages, an answer that was sent, and a body that nobody can read."""
    story = Story()
    for number in range(3):
        story.webhook(number)
    story.webhook(0, content=b"no json")
    story.command("c1")
    story.accept("c1")
    story.attempt("c1")
    story.sent("c1")
    return story
