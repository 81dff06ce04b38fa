"""From records of `dm.webhooks.v1` to records of `dm.events.v1` and `dm.failures.v1`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.accounts import AccountRecord
from schemas.events import Event, parse_event
from schemas.topics import ACCOUNTS, EVENTS, FAILURES, FailureHeader, WebhookHeader
from streams.agents.normaliser import UNASSIGNED, Normaliser
from streams.settings import Settings

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Record:
    value: bytes
    headers: list[tuple[str, bytes]]
    key: bytes = b"page"
    topic: str = "dm.webhooks.v1"
    partition: int = 3
    offset: int = 41


@dataclass
class Box:
    """An outbox that only collects."""

    records: list[tuple[str, bytes | None, bytes | None, Any]] = field(default_factory=list)

    def add(self, topic: str, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        self.records.append((topic, key, value, headers))

    def of(self, topic: str) -> list[tuple[str, bytes | None, bytes | None, Any]]:
        return [record for record in self.records if record[0] == topic]

    def events(self) -> list[Event]:
        return [parse_event(value or b"") for _, _, value, _ in self.of(EVENTS)]


@dataclass
class Directory:
    known: dict[str, AccountRecord] = field(default_factory=dict)

    def get(self, key: str) -> AccountRecord | None:
        return self.known.get(key)

    def put(self, key: str, record: AccountRecord) -> None:
        self.known[key] = record


def body(page: str = "page", mid: str = "m_1") -> bytes:
    message = {
        "sender": {"id": "person"},
        "recipient": {"id": page},
        "timestamp": 1795348800000,
        "message": {"mid": mid, "text": "secret words"},
    }
    return orjson.dumps({"object": "page", "entry": [{"id": page, "messaging": [message]}]})


def record(value: bytes, provider: str = "meta") -> Record:
    headers = {
        WebhookHeader.PROVIDER: provider,
        WebhookHeader.RECEIVED_AT: "2026-11-22T12:00:00.000Z",
        WebhookHeader.DELIVERY_ID: "delivery-1",
    }
    return Record(value, [(name, text.encode()) for name, text in headers.items()])


def normaliser(box: Box, directory: Directory | None = None, **settings: Any) -> Normaliser:
    return Normaliser(
        Settings(_env_file=None, **settings),
        directory or Directory(),  # type: ignore[arg-type]
        box,  # type: ignore[arg-type]
        "log-1",
        lambda: AT,
    )


def test_the_first_webhook_of_an_account_registers_its_profile_before_its_message() -> None:
    box = Box()
    normaliser(box).handle([record(body())])
    assert [event.type for event in box.events()] == [
        "dm.profile.registered.v1", "dm.messaging.activated.v1", "dm.message.received.v1",
    ]  # fmt: skip
    assert {event.profileid for event in box.events()} == {"page"}
    assert [key for _, key, _, _ in box.of(ACCOUNTS)] == [b"meta:page"]


def test_the_second_webhook_registers_nothing() -> None:
    box = Box()
    agent = normaliser(box)
    agent.handle([record(body())])
    agent.handle([record(body(mid="m_2"))])
    assert [event.type for event in box.events()].count("dm.profile.registered.v1") == 1


def test_an_account_that_was_linked_to_a_profile_writes_under_that_profile() -> None:
    known = AccountRecord(provider="meta", reference="page", profileid="acme", linked_at=AT)
    box = Box()
    normaliser(box, Directory({"meta:page": known})).handle([record(body())])
    assert [event.profileid for event in box.events()] == ["acme"]
    assert [key for _, key, _, _ in box.of(EVENTS)] == [b"acme"]


def test_without_auto_registering_an_unknown_account_is_a_failure_and_no_event() -> None:
    box = Box()
    normaliser(box, auto_register=False).handle([record(body())])
    assert not box.events()
    (failure,) = box.of(FAILURES)
    headers = dict(failure[3])
    assert headers[FailureHeader.REASON] == b"unknown_account"
    assert failure[2] == body()


def test_an_event_names_the_record_and_the_delivery_that_it_came_by() -> None:
    box = Box()
    normaliser(box).handle([record(body())])
    message = box.events()[-1]
    assert message.causationid == "dm.webhooks.v1/3/41"
    assert message.correlationid == "delivery-1"


@pytest.mark.parametrize("value", [b"", b"no json", b"[]", b'{"object":"page","entry":[]}', b"{}"])
def test_every_record_ends_as_an_event_or_a_failure(value: bytes) -> None:
    """Invariant 2."""
    box = Box()
    normaliser(box).handle([record(value)])
    assert box.events() or box.of(FAILURES)


def test_a_body_that_names_no_account_is_kept_under_nobody_and_registers_nobody() -> None:
    box = Box()
    normaliser(box).handle([record(b'{"object":"page","entry":[]}')])
    assert [event.profileid for event in box.events()] == [UNASSIGNED]
    assert not box.of(ACCOUNTS)


def test_the_test_button_of_the_dashboard_registers_nobody() -> None:
    box = Box()
    normaliser(box).handle([record(body(page="0"))])
    assert [(event.type, event.profileid) for event in box.events()] == [
        ("dm.message.received.v1", UNASSIGNED)
    ]
    assert not box.of(ACCOUNTS)


def test_a_record_without_the_gateways_headers_is_a_failure_that_keeps_its_bytes() -> None:
    """Invariant 2."""
    box = Box()
    normaliser(box).handle([Record(b"whatever", [("other", b"1")])])
    (failure,) = box.of(FAILURES)
    headers = dict(failure[3])
    assert failure[2] == b"whatever"
    assert headers["other"] == b"1"
    assert headers[FailureHeader.TOPIC] == b"dm.webhooks.v1"
    assert headers[FailureHeader.OFFSET] == b"41"


def test_no_failure_tells_the_text_of_a_message() -> None:
    """Invariant 11."""
    box = Box()
    broken = body().replace(b'"timestamp":1795348800000', b'"timestamp":{"secret words":1}')
    normaliser(box).handle([record(broken), record(b"secret words")])
    for _, _, _, headers in box.of(FAILURES):
        assert b"secret words" not in b"".join(value for _, value in headers)


def test_a_record_read_twice_fails_under_the_same_id() -> None:
    box = Box()
    agent = normaliser(box)
    agent.handle([record(b"no json")])
    agent.handle([record(b"no json")])
    first, second = (dict(failure[3])[FailureHeader.ID] for failure in box.of(FAILURES))
    assert first == second
