"""Accepted sends that had not ended, after the embedded broker forgot them (docs/decisions/0014).

After an orderly stop the delivery worker's notes are known: a send goes back in line with what was
noted of it, and the worker goes on as if it had never stopped. After any other end nobody knows
whether a request had been written: the send is told as unknown, and an echo resolves it. It is
never sent again blindly (invariant 8).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from aiokafka import AIOKafkaProducer

from schemas.events import Event, SendAccepted
from schemas.outbound import DelayedSend
from schemas.topics import EVENTS, OUTBOUND_DELAYED, outbound_topic
from streams.agents import send_events
from streams.agents.journal import CHANGELOG, Note
from streams.agents.outgoing import Outgoing
from streams.erasures import Erasures
from streams.local.journal_notes import JournalNotes
from streams.local.open_sends import OpenSend, OpenSends
from streams.partitions import partition_of
from streams.providers.retry import Unknown
from streams.settings import Settings

_ENDED = Unknown("interrupted", "the pipeline ended before it was noted what became of it")


@dataclass(frozen=True, slots=True)
class Resumed:
    in_line: int = 0
    """Sends that go on."""
    unknown: int = 0
    """Sends that may have been delivered."""


async def resume(
    settings: Settings,
    producer: AIOKafkaProducer,
    sends: OpenSends,
    *,
    known: JournalNotes | None,
    erased: Erasures,
    now: datetime,
) -> Resumed:
    """Call it once the log is back and no worker runs. Returns when all of it is durable."""
    in_line = unknown = 0
    for send in sends:
        if known is not None and send.logged:
            await _put_back(settings, producer, send.accepted, known.notes.get(send.accepted.id))
            in_line += 1
            continue
        for event in lost(send, erased, now):
            await producer.send(
                settings.topic(EVENTS), event.to_json(), key=event.profileid.encode()
            )
        unknown += 1
    await producer.flush()
    return Resumed(in_line, unknown)


def lost(send: OpenSend, erased: Erasures, now: datetime) -> tuple[Event, ...]:
    """That its outcome is unknown; with an attempt, where the log tells of none: without one no
    echo would be taken for it."""
    accepted, attempted = send.accepted, send.attempted
    item = Outgoing(
        accepted,
        partition=0,
        place=0,
        attempts=attempted.data.attempt if attempted else 1,
        attempted_at=attempted.time if attempted else accepted.time,
    )
    item = item.without_content() if erased.covers(accepted) else item
    unknown = send_events.unknown(item, _ENDED, now)
    return (unknown,) if attempted else (send_events.attempted(item, accepted.time), unknown)


async def _put_back(
    settings: Settings, producer: AIOKafkaProducer, accepted: SendAccepted, note: Note | None
) -> None:
    """One after another: their order is that of their offsets."""
    if accepted.platform is None or accepted.subject is None:
        raise ValueError(f"accepted send {accepted.data.command_id} names no conversation")
    key = accepted.subject.encode()
    partition = partition_of(key, settings.partitions)
    topic = settings.topic(outbound_topic(accepted.platform))
    record = await producer.send_and_wait(topic, accepted.to_json(), key=key, partition=partition)
    if note is None:
        return
    note = {**note, "turn": 0}
    until = note.get("until")
    if note["progress"] == "waiting" and until is not None:
        # Where it is now, in place of where it was: later sends of its conversation ask for it.
        note |= {"turn": 1, "place": record.offset}
        delayed = DelayedSend(
            send=accepted,
            not_before=datetime.fromtimestamp(until / 1000, UTC),
            turn=1,
            place=record.offset,
        ).model_dump_json(exclude_none=True)
        await producer.send(
            settings.topic(OUTBOUND_DELAYED), delayed.encode(), key=key, partition=partition
        )
    await producer.send(
        settings.topic(CHANGELOG), orjson.dumps(note), key=accepted.id.encode(), partition=partition
    )
