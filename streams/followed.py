"""A compacted topic, read whole and then followed: how processes know keys and subscriptions."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer

from streams import kafka
from streams.log_positions import log_ends
from streams.settings import Settings

_log = structlog.get_logger()

_RETRY_SECONDS = 1.0


class FollowedTopic:
    """Each record goes to `apply`; `changed` is called after those of one fetch, and once all is
    known for the first time. A broker that is away is waited for in the background.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        what: str,
        apply: Callable[[str, bytes | None], None],
        changed: Callable[[], None],
        at_once: bool = False,
    ) -> None:
        """`what`: its records in a word, for the log. `at_once`: where somebody acts on a record
        as soon as it is written; else the embedded broker is asked less often."""
        self._settings = settings
        self._topic = topic
        self._what = what
        self._apply = apply
        self._changed = changed
        soon = kafka.EMBEDDED_SOON_WAIT_MS if at_once else kafka.EMBEDDED_PATIENT_WAIT_MS
        self._wait_ms = soon if settings.embedded else None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns at once."""
        self._following = asyncio.create_task(self._follow())

    async def start_known(self) -> None:
        """Returns once everything written before the call is known. Raises as `read_all` does."""
        self._following = asyncio.create_task(self._follow(await self.read_all()))

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    async def read_all(self) -> AIOKafkaConsumer:
        """Reads the topic up to its end as it was at the call; the consumer goes on from there.
        Raises LookupError where the topic is missing, and aiokafka's errors."""
        consumer = kafka.reader(self._settings, self._topic, wait_ms=self._wait_ms)
        try:
            await consumer.start()
            await self._read_to_the_end(consumer)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _follow(self, known: AIOKafkaConsumer | None = None) -> None:
        """`known`: one that has read the topic to its end."""
        while True:
            try:
                consumer, known = known or await self.read_all(), None
            except Exception as error:  # noqa: BLE001 - said, and tried again
                _log.warning(f"{self._what} can't be read yet", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._changed()
            try:
                while True:
                    if await self._read(consumer, timeout_ms=1000):
                        self._changed()
            except Exception as error:  # noqa: BLE001 - the same
                _log.warning(f"{self._what} can't be followed", error=type(error).__name__)
            finally:
                await consumer.stop()

    async def _read_to_the_end(self, consumer: AIOKafkaConsumer) -> None:
        partitions = consumer.assignment()
        if not partitions:
            topic = self._settings.topic(self._topic)
            raise LookupError(f"topic {topic} is missing: run `dmstream topics --create`")
        ends = await log_ends(self._settings, self._topic)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            await self._read(consumer, timeout_ms=200)

    async def _read(self, consumer: AIOKafkaConsumer, *, timeout_ms: int) -> bool:
        found = await consumer.getmany(timeout_ms=timeout_ms)
        for records in found.values():
            for record in records:
                self._apply((record.key or b"").decode(errors="replace"), record.value)
        return bool(found)
