"""What is told of commands, as it is told, for those who wait: `dm.events.v1` from its end, and
`dm.failures.v1`, which alone tells of a command that can't be carried out.

Only the partitions of profiles that somebody waits for are read, and a while after: a gateway that
takes nothing but webhooks reads no events at all.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import Event, parse_event
from schemas.topics import EVENTS, FAILURES
from streams import kafka
from streams.conversation.keys import COMMANDS_SOURCE
from streams.log_positions import ends_now
from streams.partitions import partition_of
from streams.settings import Settings
from streams.told_failures import ToldFailure, told_failure

_log = structlog.get_logger()

_KEPT_SECONDS = 30.0
"""A partition is read so long after the last one who waited: the next pays no look for its end."""

News = asyncio.Queue[Event | ToldFailure]


class Outcomes:
    """Connects at the first `watch`, and anew after trouble; `stop` at the end.

    `watch` and `ends` raise aiokafka's errors where the broker is away.
    """

    def __init__(
        self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._waiting: dict[tuple[str, str], list[News]] = {}
        self._wanted: dict[int, float] = {}
        """By partition, of both topics: when somebody last waited for it; absent where it is not
        read. A failure has its command's key, so it stands on the partition of the same number."""
        self._reader: AIOKafkaConsumer | None = None
        self._prober: AIOKafkaConsumer | None = None
        self._following: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @asynccontextmanager
    async def watch(self, profileid: str, command_id: str) -> AsyncIterator[News]:
        """What is told of the command from now on, whoever wrote it."""
        news: News = asyncio.Queue()
        number = self._number(profileid)
        key = (profileid, command_id)
        await self._read_from_now_on(number)
        self._waiting.setdefault(key, []).append(news)
        try:
            yield news
        finally:
            if number in self._wanted:  # not after a disconnection
                self._wanted[number] = self._monotonic()
            self._waiting[key].remove(news)
            if not self._waiting[key]:
                del self._waiting[key]

    async def ends(self, profileid: str | None) -> dict[int, int]:
        """The offset after the last record, now, of the partition of the profile's events; of each
        partition where no profile is named."""
        async with self._changing:
            await self._connect()
            if profileid is None:
                numbers = list(range(self._settings.partitions))
            else:
                numbers = [self._number(profileid)]
            places = [self._place(EVENTS, number) for number in numbers]
            found = await ends_now(self._settings, self._prober, places)
        return {place.partition: end for place, end in found.items()}

    async def stop(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        await self._disconnect()

    def _number(self, profileid: str) -> int:
        return partition_of(profileid.encode(), self._settings.partitions)

    def _place(self, topic: str, number: int) -> TopicPartition:
        return TopicPartition(self._settings.topic(topic), number)

    def _both(self, number: int) -> list[TopicPartition]:
        return [self._place(EVENTS, number), self._place(FAILURES, number)]

    async def _read_from_now_on(self, number: int) -> None:
        async with self._changing:
            await self._connect()
            is_read = number in self._wanted
            self._wanted[number] = self._monotonic()
            if is_read:
                return
            try:
                ends = await ends_now(self._settings, self._prober, self._both(number))
                for place, end in ends.items():
                    self._reader.seek(place, end)  # type: ignore[union-attr]
                    self._reader.resume(place)  # type: ignore[union-attr]
            except BaseException:
                del self._wanted[number]
                raise

    async def _connect(self) -> None:
        if self._reader is not None:
            return
        self._settings = await kafka.recognised(self._settings)
        numbers = range(self._settings.partitions)
        places = [place for number in numbers for place in self._both(number)]
        reader, prober = kafka.reader(self._settings), kafka.reader(self._settings)
        try:
            await reader.start()
            await prober.start()
            reader.assign(places)
            for place in places:
                reader.seek(place, 0)  # none is asked for: a paused partition needs a position
            reader.pause(*places)
        except BaseException:
            await reader.stop()
            await prober.stop()
            raise
        self._reader, self._prober = reader, prober
        self._following = asyncio.create_task(self._follow(reader))

    async def _disconnect(self) -> None:
        reader, prober = self._reader, self._prober
        self._reader = self._prober = None
        self._wanted.clear()
        for client in filter(None, (reader, prober)):
            await client.stop()

    async def _follow(self, reader: AIOKafkaConsumer) -> None:
        failures = self._settings.topic(FAILURES)
        try:
            while True:
                for place, records in (await reader.getmany(timeout_ms=1000)).items():
                    tell = self._tell_failure if place.topic == failures else self._tell
                    for record in records if self._waiting else ():
                        tell(record)
                    self._rest(place.partition)
        except Exception as error:  # noqa: BLE001 - who waits hears nothing, and asks the archive
            _log.warning("outcomes can't be followed", error=type(error).__name__)
            self._following = None
            await self._disconnect()

    def _rest(self, number: int) -> None:
        """Stops reading where nobody has waited for a while."""
        idle = self._monotonic() - self._wanted.get(number, 0.0) > _KEPT_SECONDS
        if idle and self._reader is not None and not self._changing.locked():
            waited_for = {self._number(profileid) for profileid, _ in self._waiting}
            if number not in waited_for:
                self._wanted.pop(number, None)
                self._reader.pause(*self._both(number))

    def _tell(self, record: Any) -> None:
        value = record.value or b""
        with contextlib.suppress(ValueError, KeyError, AttributeError):  # no event of the contract
            for news in self._waiting.get(told_of(value), ()):
                news.put_nowait(parse_event(value))

    def _tell_failure(self, record: Any) -> None:
        failure = told_failure(record)
        if failure is None or failure.command is None:
            return
        with contextlib.suppress(TypeError):  # what it calls its id is a list: it is nobody's
            for news in self._waiting.get(failure.command, ()):
                news.put_nowait(failure)


def told_of(value: bytes) -> tuple[str, str]:
    """The profile and the command ("": of none) that an event is of, without parsing it: most are
    nobody's. Raises ValueError, KeyError or AttributeError where it is no event."""
    attributes = orjson.loads(value)
    command_id = attributes["data"].get("command_id")
    if command_id is None and attributes["source"].startswith(COMMANDS_SOURCE):
        command_id = attributes.get("causationid")
    return attributes["profileid"], command_id or ""
