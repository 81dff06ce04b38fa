"""Conversations in any number, as a conversations worker leaves them: folded, then copied.

One profile with a hundred conversations is folded from real events; every other profile is that
one under other ids of the same length. So a million takes seconds, and each byte is as the worker
writes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import data, events
from schemas.base import conversation_id, to_milliseconds
from schemas.commands import SendMessage
from schemas.events import Event
from schemas.ids import event_id
from streams.agents.working_set import WorkingSet
from streams.conversation.decide import decide
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules

PER_PROFILE = 100
RULES = Rules()
PROFILE = "f3a1c5d0-9b7e-4c26-8d11-{:012}"
PAGE = "17{:013}"
PERSON = "65432{:04}{:08}"


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation of a profile."""

    profile: int
    number: int

    @property
    def profileid(self) -> str:
        return PROFILE.format(self.profile)

    @property
    def page(self) -> str:
        return PAGE.format(self.profile)

    @property
    def person(self) -> str:
        return PERSON.format(self.number, self.profile)

    @property
    def id(self) -> str:
        return conversation_id("facebook", self.page, self.person)


def places(count: int) -> Iterator[Place]:
    for number in range(count):
        yield Place(number // PER_PROFILE, number % PER_PROFILE)


def states(count: int, now: datetime) -> Iterator[tuple[str, bytes, bytes]]:
    """Profile, key and value of every state of that many conversations, as in the changelog.

    Both sides have written in each; half have an id of the provider's own, three of ten an
    automatic answer with its outcome.
    """
    pattern = Place(0, 0)
    template = _folded(_history(now))
    old_profile, old_page = pattern.profileid.encode(), pattern.page.encode()
    per_conversation = [
        [pair for pair in template if _is_of(pair, number)] for number in range(PER_PROFILE)
    ]
    shared = [pair for pair in template if pair[0].startswith(b"p")]
    for place in places(count):
        new_profile, new_page = place.profileid.encode(), place.page.encode()
        old_person = Place(0, place.number).person.encode()
        new_person = place.person.encode()
        group = per_conversation[place.number]
        for key, value in group if place.number else [*shared, *group]:
            moved = [
                part.replace(old_profile, new_profile)
                .replace(old_page, new_page)
                .replace(old_person, new_person)
                for part in (key, value)
            ]
            yield place.profileid, moved[0], moved[1]


def _is_of(pair: tuple[bytes, bytes], number: int) -> bool:
    """Outcomes and indexes name the conversation by its person, in the key or in the value."""
    person = Place(0, number).person.encode()
    return not pair[0].startswith(b"p") and (person in pair[0] or person in pair[1])


def _folded(history: Iterator[Event]) -> list[tuple[bytes, bytes]]:
    working = WorkingSet({})
    for event in history:
        _apply(working, event)
        if event.type == "dm.message.received.v1" and int(event.data.message_id[-4:]) % 10 < 3:  # type: ignore[union-attr]
            for told in _answered(working, event):
                _apply(working, told)
    return [(key, value) for key, value in working.changes() if value is not None]


def _apply(working: WorkingSet, event: Event) -> None:
    before = working.load(event)
    after = evolve(before, event)
    working.store(event, before, after)
    for derived in react(after, event, RULES):
        _apply(working, derived)


def _answered(working: WorkingSet, event: Event) -> Iterator[Event]:
    person = event.data.correspondent_id  # type: ignore[union-attr]
    command = SendMessage(
        command_id=f"auto-{event_id('meta', person, 'auto')[:19]}{person}",
        profileid=event.profileid,
        issued_at=event.time,
        conversation_id=event.subject,
        text="Thank you for contacting us.",
        origin="auto",
    )
    state = working.state(event.profileid, event.subject, command.command_id)
    yield from decide(state, command, event.time, RULES)
    sent = message(events.MessageSent, event, f"m_{'k' * 80}{person[-8:]}")
    yield sent.model_copy(
        update={"data": sent.data.model_copy(update={"command_id": command.command_id})}
    )


def message(kind: Any, like: Event, message_id: str) -> Event:
    body = like.data
    made: Event = kind(
        id=event_id("meta", body.account_id, "message", message_id),  # type: ignore[union-attr]
        source=like.source,
        time=like.time,
        receivedat=like.receivedat,
        subject=like.subject,
        profileid=like.profileid,
        platform="facebook",
        data=data.Message(
            provider="meta",
            account_id=body.account_id,  # type: ignore[union-attr]
            correspondent_id=body.correspondent_id,  # type: ignore[union-attr]
            message_id=message_id,
            text="Thank you for contacting us.",
        ),
    )
    return made


def _history(now: datetime) -> Iterator[Event]:
    start = to_milliseconds(now.astimezone(UTC) - timedelta(hours=3))
    first = Place(0, 0)
    common: dict[str, Any] = {
        "profileid": first.profileid, "receivedat": start, "time": start, "source": "/bench",
    }  # fmt: skip
    link = data.AccountLink(provider="meta", platform="facebook", account_id=first.page)
    yield events.ProfileRegistered(id="1", data=data.ProfileRegistered(), **common)
    yield events.MessagingActivated(id="2", data=data.MessagingSwitched(), **common)
    yield events.AccountLinked(id="3", data=link, **common)
    for number in range(PER_PROFILE):
        yield written(Place(0, number), start + timedelta(seconds=number), number)
    for number in range(PER_PROFILE):
        like = written(Place(0, number), start + timedelta(seconds=200 + number), number)
        yield message(events.MessageSent, like, f"m_{'s' * 82}{number:04}")


def written(place: Place, at: datetime, number: int) -> Event:
    """The correspondent writes; ids as long as Messenger's of today."""
    mid = f"m_{'k' * 82}{number:04}"
    body = data.Message(
        provider="meta",
        account_id=place.page,
        correspondent_id=place.person,
        external_conversation_id=f"t_{place.person}" if number % 2 else None,
        message_id=mid,
        text="Do you have this in blue?",
    )
    return events.MessageReceived(
        id=event_id("meta", place.page, "message", mid),
        source=f"/dmstream/meta/{place.page}",
        time=at,
        receivedat=at + timedelta(milliseconds=300),
        subject=place.id,
        profileid=place.profileid,
        platform="facebook",
        data=body,
    )
