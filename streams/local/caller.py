"""Commands as another system gives them: written, and followed to what they led to."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import commands
from schemas.base import to_milliseconds
from schemas.commands import AnyCommand
from schemas.events import Event, parse_event
from schemas.topics import COMMANDS, EVENTS
from streams import kafka
from streams.conversation.keys import command_of
from streams.log_positions import ends_now
from streams.settings import Settings

_ENDS = frozenset(
    {"dm.message.sent.v1", "dm.send.rejected.v1", "dm.send.failed.v1", "dm.send.unknown.v1"}
)
_PATIENCE_SECONDS = 30.0


class NotAnsweredError(RuntimeError):
    """Nobody told what became of a command; the sentence says where to look."""


class Caller:
    """Many commands at once, over one producer and one reader."""

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, reader: AIOKafkaConsumer
    ) -> None:
        self._settings = settings
        self._producer = producer
        self._reader = reader
        self._awaited: dict[str, tuple[str, asyncio.Future[Event]]] = {}
        """By id: the type of the command, and what it led to."""

    async def give(self, kind: str, profile: str, **more: Any) -> Event:
        """Writes a command of that type. Returns what it led to: of a send its end (or that it is
        unknown), of another the first event. Raises NotAnsweredError.
        """
        command_id = f"operator-{uuid.uuid4().hex}"
        command: AnyCommand = getattr(commands, kind)(
            command_id=command_id,
            profileid=profile,
            issued_at=to_milliseconds(datetime.now(UTC)),
            **more,
        )
        end: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._awaited[command_id] = (kind, end)
        await self._producer.send_and_wait(
            self._settings.topic(COMMANDS),
            command.model_dump_json(exclude_none=True).encode(),
            key=profile.encode(),
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await end
        except TimeoutError as error:
            raise NotAnsweredError(
                f"nothing was told of a {kind} of profile {profile} within "
                f"{_PATIENCE_SECONDS:.0f} s: look into the logs of the conversations and the "
                "delivery worker"
            ) from error
        finally:
            del self._awaited[command_id]

    async def follow(self) -> None:
        """Reads what is told, for ever."""
        async for record in self._reader:
            event = parse_event(record.value or b"")
            command_id = command_of(event)
            awaited = self._awaited.get(command_id) if command_id else None
            if awaited is None:
                continue
            kind, end = awaited
            if not end.done() and (kind != "SendMessage" or event.type in _ENDS):
                end.set_result(event)


@asynccontextmanager
async def caller(settings: Settings) -> AsyncIterator[Caller]:
    """Raises the broker's errors."""
    producer, reader = kafka.producer(settings), kafka.reader(settings)
    await producer.start()
    await reader.start()
    try:
        topic = settings.topic(EVENTS)
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        ends = await ends_now(settings, reader, places)
        reader.assign(places)
        for place in places:
            reader.seek(place, ends[place])
        made = Caller(settings, producer, reader)
        following = asyncio.create_task(made.follow())
        try:
            yield made
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    finally:
        await reader.stop()
        await producer.stop()
