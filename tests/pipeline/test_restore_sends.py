"""Accepted sends after the embedded broker forgot them, with a real broker and delivery worker."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import data, events
from schemas.base import to_milliseconds
from schemas.events import Event, SendAccepted
from schemas.ids import profile_event_id
from schemas.topics import OUTBOUND_FACEBOOK
from sinks.incarnations import UNLOGGED, Archived
from streams import kafka
from streams.agents import send_events
from streams.agents.outgoing import Outgoing
from streams.local import journal_notes
from streams.local.journal_notes import JournalNotes
from streams.local.restore import Restored, restore
from streams.local.resuming import Resumed
from streams.local.starting import JOURNAL
from streams.log_positions import log_ends
from streams.providers.protocol import Sent
from streams.settings import Settings
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Talk, talking

pytestmark = pytest.mark.pipeline

LOG = "old-log"


@pytest.fixture
def talk(settings: Settings) -> Iterator[Talk]:
    """A gateway and a sandbox; the workers are started by the tests, after the restore."""
    with talking(settings, settings.data_dir) as found:
        asyncio.run(kafka.ensure_topics(found.running.settings, (JOURNAL,)))
        yield found


def accepted(command_id: str, person: str, **more: Any) -> SendAccepted:
    at = to_milliseconds(datetime.now(UTC) - timedelta(minutes=1))
    return SendAccepted(
        id=profile_event_id("shop", "accepted", command_id),
        source="/dmstream/commands/shop",
        time=at,
        receivedat=at,
        subject=f"facebook:10000:{person}",
        profileid="shop",
        platform="facebook",
        data=data.SendAccepted(
            provider="meta",
            account_id="10000",
            correspondent_id=person,
            command_id=command_id,
            month="2026-11",
            rank=1,
            **{"text": f"text of {command_id}", "expires_at": at + timedelta(minutes=15), **more},
        ),
    )


def note(progress: str, **more: Any) -> dict[str, Any]:
    at = round(time.time() * 1000) - 50_000
    return {"progress": progress, "at": at, "turn": 3, "attempts": 1, **more}


def restored(
    talk: Talk, told: list[Event], notes: dict[SendAccepted, dict[str, Any]] | None
) -> Restored:
    """`notes` None: everything had ended at once."""
    archived = [
        Archived(event.profileid.encode(), event.to_json(), f"{LOG}/0/{number}")
        for number, event in enumerate(told)
    ]
    known = JournalNotes(LOG, {send.id: found for send, found in (notes or {}).items()})
    return asyncio.run(
        restore(
            talk.running.settings,
            archived,
            progress=lambda _: None,
            known=None if notes is None else known,
        )
    )


def attempts(talk: Talk, person: str) -> int:
    return len(talk.box.attempts(person))


def kinds(talk: Talk, command_id: str) -> list[str]:
    return [event.type.removesuffix(".v1") for event in talk.log.of(command_id)]


def test_what_was_erased_while_it_waited_is_put_back_and_ends_without_leaving(talk: Talk) -> None:
    """The archive has blanked its text: nobody may be sent what is left of it."""
    erased, other, lost = (accepted(name, digits()) for name in ("erased", "other", "lost"))
    told: list[Event] = [erased, other, lost]
    told += [
        events.CorrespondentErased(
            id=f"erasure of {send.data.command_id}",
            source="/test",
            time=send.time + timedelta(seconds=1),
            receivedat=send.time + timedelta(seconds=1),
            subject=send.subject,
            profileid="shop",
            platform="facebook",
            data=data.CorrespondentErased(
                provider="meta",
                account_id="10000",
                correspondent_id=send.data.correspondent_id,
            ),
        )
        for send in (erased, lost)
    ]
    restored(talk, told, {lost: note("attempting")})
    talk.running.start("delivery")
    assert isinstance(talk.outcome("other"), events.MessageSent)
    assert talk.reason("erased", "send.failed") == "erased"
    unknown = talk.outcome("lost")
    assert isinstance(unknown, events.SendUnknown)
    assert unknown.data.text is None
    assert attempts(talk, erased.data.correspondent_id) == 0


def test_after_an_orderly_stop_each_send_goes_on_from_where_it_was(talk: Talk) -> None:
    """Invariant 8: one that was never begun is sent, one that had failed for now is tried again,
    and one whose request may have been written is not."""
    never, tried, cut, late = (
        accepted(name, digits()) for name in ("never", "tried", "cut", "late")
    )
    expired = accepted("expired", digits(), expires_at=to_milliseconds(datetime.now(UTC)))
    done = accepted("done", digits())
    (end,) = send_events.sent(Outgoing(done, 0, 0, attempts=1), Sent(("m_done",), "p"), done.time)
    soon = round(time.time() * 1000) + 4_000
    notes = {
        tried: note("waiting", conversation=tried.subject, place=70, until=1),
        cut: note("attempting"),
        late: note("waiting", conversation=late.subject, place=71, until=soon),
    }
    told = restored(talk, [never, tried, cut, late, expired, done, end], notes)
    assert told == Restored(7, Resumed(in_line=5))
    talk.running.start("delivery")
    for send in (never, tried, late):
        assert isinstance(talk.outcome(send.data.command_id), events.MessageSent)
        assert attempts(talk, send.data.correspondent_id) == 1
    assert time.time() * 1000 >= soon
    assert talk.reason("cut", "send.unknown") == "interrupted"
    assert talk.reason("expired", "send.failed") == "expired"
    assert kinds(talk, "tried")[-2:] == ["dm.send.attempted", "dm.message.sent"]
    (second,) = (e for e in talk.log.of("tried") if isinstance(e, events.SendAttempted))
    assert second.data.attempt == 2
    for send in (cut, expired, done):
        assert attempts(talk, send.data.correspondent_id) == 0
    # A worker that starts again has no reason to send any of it once more.
    talk.running.kill("delivery")
    talk.running.start("delivery")
    marker = accepted("marker", digits())
    put_on_outbound(talk, marker)
    assert isinstance(talk.outcome("marker"), events.MessageSent)
    for send in (never, tried, late):
        assert attempts(talk, send.data.correspondent_id) == 1


def test_sends_of_one_conversation_keep_their_order_behind_one_that_waits(talk: Talk) -> None:
    person = digits()
    first, second, third = (accepted(name, person) for name in ("first", "second", "third"))
    until = round(time.time() * 1000) + 4_000
    notes = {first: note("waiting", conversation=first.subject, place=9, until=until)}
    restored(talk, [first, second, third], notes)
    talk.running.start("delivery")
    assert isinstance(talk.outcome("third"), events.MessageSent)
    assert talk.texts_kept(person) == [f"text of {name}" for name in ("first", "second", "third")]


def test_after_a_kill_no_open_send_leaves_and_each_is_unknown_once(talk: Talk) -> None:
    """Invariant 8: the record of an attempt may be what was lost."""
    fresh, begun = accepted("fresh", digits()), accepted("begun", digits())
    attempt = send_events.attempted(Outgoing(begun, 0, 0, attempts=1), begun.time)
    assert restored(talk, [fresh, begun, attempt], None) == Restored(3, Resumed(unknown=2))
    talk.running.start("conversations")
    talk.running.start("delivery")
    marker = accepted("marker", digits())
    put_on_outbound(talk, marker)
    assert isinstance(talk.outcome("marker"), events.MessageSent)
    for send in (fresh, begun):
        told = kinds(talk, send.data.command_id)
        assert told == ["dm.send.accepted", "dm.send.attempted", "dm.send.unknown"]
        assert attempts(talk, send.data.correspondent_id) == 0


def test_notes_say_nothing_of_a_send_that_an_earlier_kill_kept_from_the_log(
    settings: Settings,
) -> None:
    """Invariant 8: its row is in `events` alone, so nobody knows whether it had left."""
    begun, late = accepted("begun", digits()), accepted("late", digits())
    attempt = send_events.attempted(Outgoing(late, 0, 0, attempts=1), late.time)
    told = [(begun, UNLOGGED), (late, f"{LOG}/0/0"), (attempt, UNLOGGED)]
    archived = [Archived(e.profileid.encode(), e.to_json(), origin) for e, origin in told]

    async def scenario() -> Restored:
        await kafka.ensure_topics(settings, (JOURNAL,))
        found = await restore(
            settings, archived, progress=lambda _: None, known=JournalNotes(LOG, {})
        )
        assert not any((await log_ends(settings, OUTBOUND_FACEBOOK)).values())
        return found

    assert asyncio.run(scenario()) == Restored(3, Resumed(unknown=2))


def test_the_notes_that_are_kept_are_those_of_sends_that_have_not_ended(talk: Talk) -> None:
    settings = talk.running.settings
    ended, waiting = accepted("ended", digits()), accepted("waits", digits())
    restored(talk, [], {})
    talk.box.post("faults", kind="rate_limited", recipient=waiting.data.correspondent_id, wait=600)
    talk.running.start("delivery")
    put_on_outbound(talk, ended, waiting)
    assert isinstance(talk.outcome("ended"), events.MessageSent)
    talk.running.wait(
        lambda: sum(asyncio.run(log_ends(settings, "dm.outbound.delayed.v1")).values()) == 1,
        20,
        "a delayed send",
    )
    assert talk.running.stop()["delivery"] == 0
    talk.running.children.clear()
    # The archive has nothing of it: then the notes are not the whole truth.
    assert asyncio.run(journal_notes.keep(settings, LOG)) is False
    assert journal_notes.find(settings, LOG) is None
    notes = asyncio.run(journal_notes.unended(settings))
    assert list(notes) == [waiting.id]
    assert notes[waiting.id]["attempts"] == 1


def put_on_outbound(talk: Talk, *sends: SendAccepted) -> None:
    async def put() -> None:
        producer = kafka.producer(talk.running.settings)
        await producer.start()
        try:
            for send in sends:
                await producer.send_and_wait(
                    talk.running.settings.topic(OUTBOUND_FACEBOOK),
                    send.to_json(),
                    key=(send.subject or "").encode(),
                )
        finally:
            await producer.stop()

    asyncio.run(put())
