"""A conversation's state as its worker keeps it: read from the state's changelog and the log."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import Event, parse_event
from schemas.topics import EVENTS
from streams import kafka
from streams.agents.working_set import table_key
from streams.conversation import codec
from streams.conversation.state import ConversationState, ProfileState
from streams.log_positions import STATE_CHANGELOG, ends_now
from streams.partitions import partition_of
from streams.settings import Settings

_TAIL = 20_000
"""Records of the log in which the last events are looked for."""


@dataclass(slots=True)
class Happening:
    """Something that happened once, however often it was told: a sent message's answer and its
    echo are two records of one event id."""

    tellings: list[Event]
    """In the log's order; never empty."""

    @property
    def time(self) -> datetime:
        return self.tellings[0].time

    @property
    def kind(self) -> str:
        """`message.sent`."""
        return self.tellings[0].type.removeprefix("dm.").removesuffix(".v1")

    def told(self, name: str) -> Any:
        """What the first telling says of it that says anything; else None."""
        values = (getattr(event.data, name, None) for event in self.tellings)
        return next((value for value in values if value is not None), None)


@dataclass(slots=True)
class Found:
    """One conversation under one profile."""

    profileid: str
    conversation: ConversationState
    profile: ProfileState
    events: list[Happening] = field(default_factory=list)
    """The last ones, in the order in which each was first told."""


async def inspect(settings: Settings, conversation: str, last: int) -> list[Found]:
    """Under each profile that has the conversation; [] where nobody has heard of it."""
    settings = await kafka.recognised(settings)
    topic = settings.topic(STATE_CHANGELOG)
    suffix = _ends(conversation)
    states: dict[bytes, bytes | None] = {}
    reader = kafka.reader(settings)
    await reader.start()
    try:
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        async for record in _read(settings, reader, places, None):
            key = record.key or b""
            if key.startswith(b"p") or (key.startswith(b"c") and key.endswith(suffix)):
                states[key] = record.value
        found = found_in(states, conversation)
        for one in found:
            number = partition_of(one.profileid.encode(), settings.partitions)
            place = TopicPartition(settings.topic(EVENTS), number)
            told = [
                event
                async for record in _read(settings, reader, [place], _TAIL)
                if (event := parse_event(record.value)).profileid == one.profileid
                and event.subject == conversation
            ]
            one.events = happenings(told)[-last:] if last else []
        return found
    finally:
        await reader.stop()


def found_in(states: Mapping[bytes, bytes | None], conversation: str) -> list[Found]:
    """From the last records of the changelog by key; None: a tombstone, as Kafka keeps them for a
    while. A profile without a record is as its worker takes it: nothing is known of it yet."""
    suffix = _ends(conversation)
    return [
        Found(
            profileid=(name := key[1 : -len(suffix)]).decode(),
            conversation=codec.conversation_from_bytes(value, conversation),
            profile=(
                ProfileState()
                if (profile := states.get(b"p" + name)) is None
                else codec.profile_from_bytes(profile)
            ),
        )
        for key, value in states.items()
        if key.startswith(b"c") and key.endswith(suffix) and value is not None
    ]


def _ends(conversation: str) -> bytes:
    """How the keys of the conversation's states end."""
    return f"\x1f{conversation}".encode()


def happenings(events: Iterable[Event]) -> list[Happening]:
    by_id: dict[str, Happening] = {}
    for event in events:
        by_id.setdefault(event.id, Happening([])).tellings.append(event)
    return list(by_id.values())


async def profile_state(settings: Settings, profileid: str) -> ProfileState | None:
    """None where nobody has heard of the profile."""
    settings = await kafka.recognised(settings)
    number = partition_of(profileid.encode(), settings.partitions)
    key = table_key("p", profileid, "")
    found: bytes | None = None
    reader = kafka.reader(settings)
    await reader.start()
    try:
        place = TopicPartition(settings.topic(STATE_CHANGELOG), number)
        async for record in _read(settings, reader, [place], None):
            if record.key == key:
                found = record.value
    finally:
        await reader.stop()
    return None if found is None else codec.profile_from_bytes(found)


async def _read(
    settings: Settings, reader: AIOKafkaConsumer, places: list[TopicPartition], tail: int | None
) -> AsyncIterator[Any]:
    """Every record up to the end as it was at the start; `tail`: only the last so many."""
    ends = await ends_now(settings, reader, places)
    begins = await reader.beginning_offsets(places)
    left = {place for place in places if ends[place] > begins[place]}
    reader.assign(list(left))
    for place in left:
        reader.seek(place, max(begins[place], ends[place] - tail) if tail else begins[place])
    while left:
        for records in (await reader.getmany(*left, timeout_ms=500)).values():
            for record in records:
                yield record
        await asyncio.sleep(0)
        left = {place for place in left if await reader.position(place) < ends[place]}
