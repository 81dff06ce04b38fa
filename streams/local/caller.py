"""Commands as another system gives them: written, and followed to what they led to."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas import commands
from schemas.base import to_milliseconds
from schemas.commands import AnyCommand
from schemas.events import Event, SendUnknown
from schemas.topics import COMMANDS
from streams import kafka
from streams.commanding import NotCarriedOutError, command_bytes, is_end
from streams.outcomes import Outcomes
from streams.settings import Settings
from streams.told_failures import ToldFailure

_PATIENCE_SECONDS = 30.0


class NotAnsweredError(RuntimeError):
    """Nobody told what became of a command; the sentence says where to look."""


class Caller:
    """Many commands at once, over one producer and one reader."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, outcomes: Outcomes) -> None:
        self._settings = settings
        self._producer = producer
        self._outcomes = outcomes

    async def give(self, kind: str, profile: str, **more: Any) -> Event:
        """Writes a command of that type. Returns what it led to: of a send its end (or that it is
        unknown), of another the first event. Raises NotAnsweredError, and NotCarriedOutError.
        """
        command: AnyCommand = getattr(commands, kind)(
            command_id=f"operator-{uuid.uuid4().hex}",
            profileid=profile,
            issued_at=to_milliseconds(datetime.now(UTC)),
            **more,
        )
        async with self._outcomes.watch(profile, command.command_id) as news:
            await self._producer.send_and_wait(
                self._settings.topic(COMMANDS), command_bytes(command), key=profile.encode()
            )
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while True:
                        event = await news.get()
                        if isinstance(event, ToldFailure):
                            raise NotCarriedOutError(event.sentence)
                        if is_end(command, event) or isinstance(event, SendUnknown):
                            return event
            except TimeoutError as error:
                raise NotAnsweredError(
                    f"nothing was told of a {kind} of profile {profile} within "
                    f"{_PATIENCE_SECONDS:.0f} s: look into the logs of the conversations and the "
                    "delivery worker"
                ) from error


@asynccontextmanager
async def caller(settings: Settings) -> AsyncIterator[Caller]:
    """Raises the broker's errors."""
    producer, outcomes = kafka.producer(settings), Outcomes(settings)
    await producer.start()
    try:
        yield Caller(settings, producer, outcomes)
    finally:
        await outcomes.stop()
        await producer.stop()
