"""A correspondent's whole history, its writer, and what is left of it after an erasure."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from schemas import data, events
from schemas.envelope import Envelope
from schemas.topics import FailureHeader, WebhookHeader
from sinks.archive import Archive, LogRecord

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
PAGE, ADA, BOB = "104567890123456", "6543210987654321", "7000000000000001"
SECRETS = ("my card number is 4242", "Ada Lovelace", "ada_l", "cdn.example/ada.jpg", "t_ada_thread")
"""What may be nowhere in the database once Ada is erased."""


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
