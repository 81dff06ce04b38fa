"""A conversation's state as its worker keeps it: read from the state's changelog and the log."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
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
class Found:
    """One conversation under one profile."""

    profileid: str
    conversation: ConversationState
    profile: ProfileState
    events: deque[Event] = field(default_factory=deque)


async def inspect(settings: Settings, conversation: str, last: int) -> list[Found]:
    """Under each profile that has the conversation; [] where nobody has heard of it."""
    settings = await kafka.recognised(settings)
    topic = settings.topic(STATE_CHANGELOG)
    suffix = f"\x1f{conversation}".encode()
    states: dict[bytes, bytes] = {}
    reader = kafka.reader(settings)
    await reader.start()
    try:
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        async for record in _read(settings, reader, places, None):
            key = record.key or b""
            if key.startswith(b"p") or (key.startswith(b"c") and key.endswith(suffix)):
                states[key] = record.value
        found = [
            Found(
                profileid=(name := key[1 : -len(suffix)]).decode(),
                conversation=codec.conversation_from_bytes(value, conversation),
                profile=codec.profile_from_bytes(states[b"p" + name]),
            )
            for key, value in states.items()
            if key.startswith(b"c")
        ]
        for one in found:
            number = partition_of(one.profileid.encode(), settings.partitions)
            place = TopicPartition(settings.topic(EVENTS), number)
            one.events = deque(maxlen=last)
            async for record in _read(settings, reader, [place], _TAIL):
                event = parse_event(record.value)
                if event.profileid == one.profileid and event.subject == conversation:
                    one.events.append(event)
        return found
    finally:
        await reader.stop()


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
