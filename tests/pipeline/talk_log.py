"""The log of a running pipeline: what is told there, and commands written for it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import ValidationError

from schemas import commands, events
from schemas.events import parse_event
from schemas.topics import COMMANDS, EVENTS
from streams import kafka
from streams.partitions import partition_of
from streams.settings import Settings


@dataclass
class Log:
    """What the pipeline writes on `dm.events.v1`, read from the start by a thread of its own; and
    what is written on `dm.commands.v1` for it."""

    settings: Settings
    seen: list[events.Event] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._start())
        self._following = asyncio.run_coroutine_threadsafe(self._follow(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        self._following.cancel()
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def write(self, *wanted: commands.AnyCommand) -> None:
        """Returns once they are durable."""
        self._run(self._write(wanted))

    def of(self, command_id: str) -> list[events.Event]:
        return [
            event
            for event in list(self.seen)
            if getattr(event.data, "command_id", None) == command_id
        ]

    def wait_for(
        self, wanted: Callable[[events.Event], bool], seconds: float = 30.0, what: str = "event"
    ) -> events.Event:
        deadline = time.monotonic() + 3 * seconds  # see Running.wait
        while True:
            for event in list(self.seen):
                if wanted(event):
                    return event
            if time.monotonic() > deadline:
                kinds = [event.type for event in self.seen][-12:]
                raise AssertionError(f"no such {what}; the last events: {kinds}")
            time.sleep(0.02)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        self._producer = kafka.producer(self.settings)
        self._consumer = kafka.reader(self.settings, EVENTS)
        await self._producer.start()
        await self._consumer.start()

    async def _stop(self) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def _write(self, wanted: tuple[commands.AnyCommand, ...]) -> None:
        topic, count = self.settings.topic(COMMANDS), self.settings.partitions
        sends = [
            await self._producer.send(
                topic, _json(command), key=key, partition=partition_of(key, count)
            )
            for command, key in ((one, one.profileid.encode()) for one in wanted)
        ]
        await asyncio.gather(*sends)

    async def _follow(self) -> None:
        async for record in self._consumer:
            # Some tests write nonsense there; that the worker tells of it is theirs to see.
            with contextlib.suppress(ValidationError):
                self.seen.append(parse_event(record.value or b""))


def _json(command: commands.AnyCommand) -> bytes:
    return command.model_dump_json(exclude_none=True).encode()
