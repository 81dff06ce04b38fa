"""Erasure in the archive: the content is gone wherever it was, the counts stay, nothing returns."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas import data, events
from schemas.envelope import Envelope
from schemas.topics import FailureHeader, WebhookHeader
from sinks import completeness, failed
from sinks.archive import Archive, LogRecord
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
PAGE, ADA, BOB = "104567890123456", "6543210987654321", "7000000000000001"
SECRETS = ("my card number is 4242", "Ada Lovelace", "ada_l", "cdn.example/ada.jpg", "t_ada_thread")
"""What may be nowhere in the database once Ada is erased."""


@pytest.fixture
def database(embedded_clickhouse: ClickHouse) -> str:
    return embedded_clickhouse.migrated()


@dataclass
class Writer:
    """One partition of a log, as the history worker writes it."""

    client: Client
    database: str
    log: str = field(default_factory=lambda: uuid.uuid4().hex)
    offset: int = 0
    kept: list[LogRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.archive = self._archive("events")
        self.failures = self._archive("failures")

    def _archive(self, kind: Any) -> Archive:
        return Archive(
            self.client, log=self.log, topic=f"dm.{kind}.v1", kind=kind, database=self.database
        )

    def records(self, *happened: Envelope | bytes) -> list[LogRecord]:
        made = []
        for one in happened:
            value = one if isinstance(one, bytes) else one.to_json()
            made.append(LogRecord(0, self.offset, to_ms(AT), b"shop", value, ()))
            self.offset += 1
        self.kept += made
        return made

    def write(self, *happened: Envelope | bytes) -> None:
        asyncio.run(self.archive.write(self.records(*happened)))

    def fail(
        self, value: bytes, *, received: datetime = AT, offset: int = 0, key: bytes = PAGE.encode()
    ) -> None:
        headers = {
            WebhookHeader.RECEIVED_AT: received.isoformat(),
            FailureHeader.ID: uuid.uuid4().hex,
            FailureHeader.STAGE: "normalise",
            FailureHeader.REASON: "bad_value",
            FailureHeader.TOPIC: "dm.webhooks.v1",
            FailureHeader.PARTITION: "0",
            FailureHeader.OFFSET: str(offset),
            FailureHeader.FAILED_AT: (received + timedelta(seconds=1)).isoformat(),
        }
        record = LogRecord(
            0, offset, to_ms(received), key, value, [(n, v.encode()) for n, v in headers.items()]
        )
        asyncio.run(self.failures.write([record]))


def to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def place(person: str) -> str:
    return f"facebook:{PAGE}:{person}"


def event(kind: Any, body: Any, person: str = ADA, minute: float = 0, **more: Any) -> Envelope:
    at = AT + timedelta(minutes=minute)
    common = {"provider": "meta", "account_id": PAGE, "correspondent_id": person}
    found: Envelope = kind(
        id=uuid.uuid4().hex,
        source=f"/dmstream/meta/{PAGE}",
        time=at,
        receivedat=at + timedelta(seconds=1),
        subject=place(person),
        profileid="shop",
        platform="facebook",
        data=body(**common, **more),
    )
    return found


def written(number: int, person: str = ADA, minute: float = 0, **more: Any) -> Envelope:
    return event(
        events.MessageReceived,
        data.Message,
        person,
        minute,
        message_id=f"m{number}",
        text=SECRETS[0],
        attachments=(
            data.Attachment(type="image", platform_type="image", url=f"https://{SECRETS[3]}"),
        ),
        correspondent=data.Person(name=SECRETS[1], username=SECRETS[2]),
        external_conversation_id=SECRETS[4],
        **more,
    )


def accepted(minute: float, **more: Any) -> Envelope:
    return event(
        events.SendAccepted,
        data.SendAccepted,
        ADA,
        minute,
        command_id=f"c{minute}",
        text=SECRETS[0],
        month="2026-11",
        rank=1,
        expires_at=AT + timedelta(minutes=20),
        **more,
    )


def history() -> list[Envelope]:
    """Everything that can hold content, Ada's; and the same message of Bob's."""
    return [
        written(1),
        written(2, minute=1),
        written(3, BOB, minute=1),
        event(events.MessageEdited, data.MessageEdit, minute=2, message_id="m1", text=SECRETS[0]),
        event(
            events.ReactionAdded,
            data.Reaction,
            minute=3,
            message_id="m2",
            person_id=ADA,
            emoji="❤",
            name="love",
        ),
        event(
            events.PostbackReceived,
            data.Postback,
            minute=4,
            title=SECRETS[0],
            payload=SECRETS[1],
            referral=data.Referral(ref=SECRETS[2]),
        ),
        event(
            events.ReferralReceived,
            data.ReferralReceived,
            minute=4,
            referral=data.Referral(ref=SECRETS[2]),
        ),
        event(
            events.ConversationActivated,
            data.ConversationActivated,
            minute=4,
            month="2026-11",
            rank=1,
            cause_id="m1",
        ),
        accepted(5),
        accepted(6, media_urls=(f"https://{SECRETS[3]}",)),
        event(
            events.MessageSent,
            data.Message,
            minute=7,
            message_id="m9",
            text=SECRETS[0],
            origin="auto",
            command_id="c5",
        ),
    ]


def erased(minute: float = 10) -> Envelope:
    return event(events.CorrespondentErased, data.CorrespondentErased, minute=minute)


def secrets_left(client: Client, database: str, mine: str) -> dict[str, int]:
    """Rows by table and column in which a secret stands, stored ones and not only what FINAL shows;
    `mine` is a condition that leaves out rows of other conversations."""
    columns = client.query(
        "SELECT table, name, type FROM system.columns WHERE database = {d:String}"
        " AND table IN ('events', 'event_log', 'failure_log')",
        parameters={"d": database},
    ).result_rows
    found = {}
    for table, name, _ in columns:
        condition = mine if table != "failure_log" else "true"
        count = client.command(
            f"SELECT count() FROM {database}.{table} WHERE ({condition}) AND"
            f" multiSearchAny(toString({name}), {{secrets:Array(String)}})",
            parameters={"secrets": list(SECRETS)},
        )
        if count:
            found[f"{table}.{name}"] = int(str(count))
    return found


def view(client: Client, database: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return list(
        client.query(
            f"SELECT {', '.join(columns)} FROM {database}_analytics.{name} ORDER BY 1, 2"
        ).result_rows
    )


NOT_BOB = f"NOT endsWith(conversation_id, ':{BOB}')"
COUNTS = ("profile_id", "conversation_id", "message_count", "received_count", "sent_count",
          "auto_sent_count", "first_message_at", "last_message_at", "rank_this_month")  # fmt: skip


def test_texts_media_and_names_are_gone_from_every_table_and_the_counts_stay(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    writer.write(*history())
    body = orjson.dumps({"sender": {"id": ADA}, "recipient": {"id": PAGE}, "text": SECRETS[0]})
    writer.fail(body)
    writer.fail(body.replace(ADA.encode(), BOB.encode()), offset=1)
    before = {
        "conversations": view(client, database, "conversations", *COUNTS),
        "messages": view(client, database, "messages", "conversation_id", "message_id", "origin"),
        "sends": view(client, database, "sends", "command_id", "outcome", "accepted_at"),
        "active": view(client, database, "active_conversations", "profile_id", "active_count"),
        "failed": len(view(client, database, "failed_events", "failure_id", "reason")),
    }
    assert secrets_left(client, database, NOT_BOB)

    writer.write(erased())

    assert secrets_left(client, database, NOT_BOB) == {"failure_log.payload": 1}  # Bob's
    assert before == {
        "conversations": view(client, database, "conversations", *COUNTS),
        "messages": view(client, database, "messages", "conversation_id", "message_id", "origin"),
        "sends": view(client, database, "sends", "command_id", "outcome", "accepted_at"),
        "active": view(client, database, "active_conversations", "profile_id", "active_count"),
        "failed": len(view(client, database, "failed_events", "failure_id", "reason")),
    }
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert texts == {"m1": "", "m2": "", "m3": SECRETS[0], "m9": ""}
    assert view(
        client, database, "erasures", "conversation_id", "is_finished", "messages_kept",
        "events_left", "log_records_left", "failures_left",
    ) == [(place(ADA), True, 3, 0, 0, 0)]  # fmt: skip


def test_what_is_left_is_counted_by_content_before_it_is_blanked(
    client: Client, database: str
) -> None:
    """The proof would be none if it said 0 of a database where everything is still there."""
    writer = Writer(client, database)
    client.command(
        f"INSERT INTO {database}.erasures (profile_id, conversation_id, account_id,"
        f" correspondent_id, erased_at, is_finished) VALUES ('shop', '{place(ADA)}', '{PAGE}',"
        f" '{ADA}', '{(AT + timedelta(minutes=10)).strftime('%Y-%m-%d %H:%M:%S')}', false)"
    )
    writer.archive._eraser._refresh = lambda: None  # type: ignore[method-assign]
    writer.failures._eraser._refresh = lambda: None  # type: ignore[method-assign]
    writer.write(*history())
    writer.fail(orjson.dumps({"sender": ADA, "recipient": PAGE}))
    ((*_, events_left, log_records_left, failures_left),) = view(
        client, database, "erasures", "conversation_id", "events_left", "log_records_left",
        "failures_left",
    )  # fmt: skip
    assert (events_left, log_records_left, failures_left) == (9, 9, 1)


def test_a_log_that_is_read_again_brings_nothing_back_and_leaves_no_hole(
    client: Client, database: str
) -> None:
    """Invariant 10: the same ranges, other cuts, another incarnation, and late copies."""
    writer = Writer(client, database)
    writer.write(*history())
    writer.write(erased())
    for records in (writer.kept, writer.kept[:5], writer.kept[3:9]):
        asyncio.run(writer.archive.write(records))
    again = Writer(client, database)
    for part in (writer.kept[:4], writer.kept[4:]):
        asyncio.run(again.archive.write(part))
    again.offset = len(writer.kept)
    again.write(written(2, minute=1, backfilled=True), written(8, minute=9.9))
    spread = [one._replace(partition=n % 2, offset=n // 2) for n, one in enumerate(writer.kept)]
    asyncio.run(Writer(client, database).archive.write(spread))  # one batch of two partitions
    assert secrets_left(client, database, NOT_BOB) == {}
    reports = completeness.check(client, database=database)
    whole, half = len(writer.kept), len(writer.kept) // 2
    assert sorted((r.missing, r.first, r.last) for r in reports) == sorted([
        (0, 0, whole - 1),
        (0, 0, whole + 1),
        (0, 0, (whole + 1) // 2 - 1),
        (0, 0, half - 1),
    ])  # fmt: skip
    mark = asyncio.run(writer.archive.high_water_mark(0))
    assert mark == len(writer.kept) - 1


def test_a_failure_that_another_worker_writes_later_is_blanked_as_well(
    client: Client, database: str
) -> None:
    writer, other = Writer(client, database), Writer(client, database)
    other.fail(b"{}")  # it knows the erasures of now: none
    writer.write(*history(), erased())
    body = orjson.dumps({"from": ADA, "to": PAGE, "text": SECRETS[0]})
    other.fail(body, offset=1)
    other.fail(body[:-9], offset=2)  # cut: no JSON
    assert secrets_left(client, database, NOT_BOB) == {}
    found = failed.find(client, failed.Selection(), database=database)
    assert [one.value for one in found] == [b"{}"]  # nothing of it can be replayed
    flags = view(client, database, "failed_events", "original_offset", "is_erased")
    assert flags == [(0, False), (1, True), (2, True)]


def test_what_they_write_afterwards_is_kept(client: Client, database: str) -> None:
    writer = Writer(client, database)
    writer.write(*history(), erased(minute=10), written(20, minute=11))
    writer.fail(
        orjson.dumps({"from": ADA, "to": PAGE, "text": "new"}), received=AT + timedelta(minutes=12)
    )
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert texts["m20"] == SECRETS[0]
    assert texts["m1"] == ""
    assert view(client, database, "failed_events", "failure_id", "is_erased")[0][1] is False
    writer.write(erased(minute=15))
    assert dict(view(client, database, "messages", "message_id", "text"))["m20"] == ""
    assert secrets_left(client, database, NOT_BOB) == {}


def test_an_erasure_cut_by_a_crash_is_carried_out_by_the_next_owner(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    writer.write(*history())

    class KilledError(Exception):
        pass

    def die(*_: object) -> None:
        raise KilledError

    writer.archive._eraser.carry_out = die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        writer.write(erased())
    assert (
        asyncio.run(writer.archive.high_water_mark(0)) == len(writer.kept) - 1
    )  # never read again
    next_owner = Writer(client, database, log=writer.log)
    assert asyncio.run(next_owner.archive.finish_erasures()) == 1
    assert secrets_left(client, database, NOT_BOB) == {}
    assert asyncio.run(next_owner.archive.finish_erasures()) == 0


def test_what_could_not_be_understood_and_names_them_goes_as_well(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    item = {"who": ADA, "page": PAGE, "text": SECRETS[0]}
    unknown = events.UnrecognisedReceived(
        id="u1", source="/dmstream/meta/1", time=AT, receivedat=AT, profileid="shop",
        data=data.Unrecognised(provider="meta", account_id=PAGE, kind="new", item=item),
    )  # fmt: skip
    writer.write(*history(), unknown, orjson.dumps(item), erased())
    assert secrets_left(client, database, NOT_BOB) == {}
    writer.write(unknown.model_copy(update={"id": "u2"}), orjson.dumps(item))
    assert secrets_left(client, database, NOT_BOB) == {}


def test_what_is_told_afterwards_of_a_send_that_was_under_way_has_no_content(
    client: Client, database: str
) -> None:
    """The echo knows of no command; the copy that names it may come before or after it."""
    message = {"message_id": "late", "text": SECRETS[0]}
    own = event(
        events.MessageSent, data.Message, minute=11, command_id="c5", origin="api", **message
    )
    echo = event(events.MessageSent, data.Message, minute=11, origin="elsewhere", **message)
    echo = echo.model_copy(update={"id": own.id})
    unknown = event(
        events.SendUnknown, data.SendUnknown, minute=12, command_id="c6", origin="api",
        reason="maybe_delivered", message="It may have arrived.", attempts=1, text=SECRETS[0],
    )  # fmt: skip
    for order in ([own, echo], [echo, own]):
        writer = Writer(client, database, log=uuid.uuid4().hex)
        writer.write(*history())
        writer.write(erased())
        for one in (*order, unknown):
            writer.write(one)
        new = event(events.MessageSent, data.Message, minute=13, message_id="new", text="new")
        writer.write(new)
        assert secrets_left(client, database, NOT_BOB) == {}
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert (texts["late"], texts["new"]) == ("", "new")
