"""A simulated day in the archive, by the shortest way: bodies through the normaliser, events into
ClickHouse. Places in the month and sends, which the workers would add, are added here."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from schemas import data, events
from schemas.events import Event
from schemas.ids import event_id
from schemas.topics import FailureHeader
from schemas.webhooks import normalise
from sinks import facts
from sinks.archive import Archive, LogRecord
from streams.simulator.delivery import Delivery
from streams.simulator.simulation import APP_ID, Simulation


def events_of(deliveries: Iterable[Delivery], heard: datetime) -> list[Event]:
    told: list[Event] = []
    for delivery in deliveries:
        if delivery.expected_status == 200:
            got = normalise(
                delivery.provider, delivery.body, heard, own_app_ids=frozenset({APP_ID})
            )
            told += got.events
    return told


def places(told: list[Event]) -> Iterator[Event]:
    """Each conversation's place in each of its months, in the order of time."""
    counts: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str]] = set()
    for event in sorted(told, key=lambda e: (e.time, e.id)):
        if not isinstance(event, events.MessageReceived | events.MessageSent):
            continue
        month = f"{event.time:%Y-%m}"
        if (str(event.subject), month) in seen:
            continue
        seen.add((str(event.subject), month))
        counts[event.profileid, month] += 1
        rank = counts[event.profileid, month]
        yield events.ConversationActivated(
            id=event_id("test", str(event.subject), "activated", month),
            **_envelope(event, event.time),
            data=data.ConversationActivated(**_body(event), month=month, rank=rank, cause_id="m"),
        )


def switches(told: list[Event]) -> Iterator[Event]:
    """Each profile is on, and its accounts are linked, since before the first message."""
    began = min(event.time for event in told) - timedelta(days=1)
    known: set[object] = set()
    for event in told:
        if not isinstance(event, events.MessageReceived):
            continue
        body = event.data
        of_profile = _envelope(event, began) | {"subject": None}
        if event.profileid not in known:
            known.add(event.profileid)
            yield events.MessagingActivated(
                id=event_id("test", event.profileid, "on"),
                **(of_profile | {"platform": None}),
                data=data.MessagingSwitched(),
            )
        if (event.profileid, body.provider, body.account_id) not in known:
            known.add((event.profileid, body.provider, body.account_id))
            assert event.platform is not None
            link = data.AccountLink(
                provider=body.provider, platform=event.platform, account_id=body.account_id
            )
            name = event_id("test", event.profileid, "linked", event.platform, body.account_id)
            yield events.AccountLinked(id=name, **of_profile, data=link)


def sends(told: list[Event], chance: random.Random) -> Iterator[Event]:
    """Some of the shops' answers as commands of ours; some that came to nothing."""
    for event in told:
        if not isinstance(event, events.MessageSent) or chance.random() > 0.3:
            continue
        command = f"cmd-{event.data.message_id}"[-60:]
        at = event.time - timedelta(seconds=chance.expovariate(0.5))
        base = _body(event) | {"command_id": command}
        drawn = chance.random()
        if drawn < 0.08:
            reason = chance.choice(
                ("reply_window_closed", "monthly_limit_reached", "not_initiated")
            )
            body: Any = data.SendRejected(**base, reason=reason, message="no")
            yield events.SendRejected(
                id=event_id("test", command, "r"), **_envelope(event, at), data=body
            )
            continue
        month = f"{event.time:%Y-%m}"
        body = data.SendAccepted(**base, month=month, rank=1, expires_at=event.time)
        yield events.SendAccepted(
            id=event_id("test", command, "a"), **_envelope(event, at), data=body
        )
        body = data.SendAttempted(**base, attempt=1)
        yield events.SendAttempted(
            id=event_id("test", command, "t"), **_envelope(event, at), data=body
        )
        if drawn < 0.12:
            body = data.SendFailed(**base, reason="token_invalid", message="no")
            yield events.SendFailed(
                id=event_id("test", command, "f"), **_envelope(event, at), data=body
            )
        elif drawn < 0.14:
            body = data.SendUnknown(**base, reason="timeout", message="perhaps")
            yield events.SendUnknown(
                id=event_id("test", command, "u"), **_envelope(event, at), data=body
            )
        else:
            message = event.data.model_copy(update={"command_id": command, "origin": "api"})
            yield event.model_copy(update={"data": message})


def _envelope(event: Event, at: datetime) -> dict[str, Any]:
    return {
        "source": "/dmstream/test",
        "time": at,
        "receivedat": at,
        "subject": event.subject,
        "profileid": event.profileid,
        "platform": event.platform,
    }


def _body(event: Any) -> dict[str, Any]:
    body = event.data
    return {
        "provider": body.provider,
        "account_id": body.account_id,
        "correspondent_id": body.correspondent_id,
    }


def archive_simulation(
    client: Client,
    database: str,
    simulation: Simulation,
    heard: datetime,
    *,
    with_sends: bool = False,
) -> None:
    told = events_of(simulation.deliveries(), heard)
    more = [*switches(told), *places(told), *(sends(told, random.Random(1)) if with_sends else ())]
    log = uuid.uuid4().hex
    stamp = int(heard.timestamp() * 1000)
    records = [
        LogRecord(0, offset, stamp, event.profileid.encode(), event.to_json(), ())
        for offset, event in enumerate([*told, *more])
    ]
    archive = Archive(client, log=log, topic="dm.events.v1", database=database)
    asyncio.run(archive.write(records))
    if with_sends:
        headers = [(FailureHeader.ID, b"f1"), (FailureHeader.STAGE, b"normalise"),
                   (FailureHeader.REASON, b"unreadable")]  # fmt: skip
        failures = Archive(
            client, log=log, topic="dm.failures.v1", kind="failures", database=database
        )
        asyncio.run(failures.write([LogRecord(0, 0, stamp, b"k", b"{", headers)]))
    facts.refresh(client, database=database)
