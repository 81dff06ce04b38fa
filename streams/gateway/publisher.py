"""The line to the broker: kept up, made anew when it is dead, and honest about its state.

The producer is not idempotent on purpose. An idempotent aiokafka producer never gives up a batch:
a webhook whose sender was told 503 an hour ago, and has sent it again since, would still be
written when the broker comes back, and until then nothing bounds `stop`. Here a batch expires with
the patience of the request. What that costs is a duplicate when an acknowledgement is lost, and
duplicates are harmless since the id of an event is a function of what happened.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.cluster import ClusterMetadata

from schemas.topics import WEBHOOKS
from streams import kafka
from streams.agreed import refuse_others
from streams.gateway.batches import BatchWriter
from streams.gateway.complaints import Complaints
from streams.gateway.keep import (
    Headers,
    NotKeptError,
    broker_away,
    broker_slow,
    partitions_differ,
    stopping,
    topic_missing,
)
from streams.partitions import PartitionsError
from streams.settings import Settings

LINGER_SECONDS = 0.002
"""How long the first record after a pause waits for company."""
PACE_SECONDS = 0.006
"""How far apart batches leave while there is traffic. A departure costs 0.4 ms of processor time,
45 us more for each partition, 8 us for each record. With 64 senders 58 records leave together where
it were 15 without: 106 us a request in place of 149, and more of them by the clock (measured beside
other work; 4 ms brings half of that, 8 ms no more)."""
BATCH_BYTES = 512 * 1024
"""Of one partition. Well below the broker's `max.message.bytes`, which bounds a whole batch."""

_RETRY_SECONDS = 0.5
_MISFIT_RETRY_SECONDS = 5.0
"""Most often it ends with this process, by other settings."""
_REMIND_SECONDS = 10.0
_CHECK_SECONDS = 2.0

_log = structlog.get_logger()


class KafkaPublisher:
    """Keeps records on one topic: webhooks, if none is named.

    Webhooks are kept whatever DM_PARTITIONS says: workers read them from whichever partition they
    lie in. Of other topics nobody looks for a key but where the log's own number puts it, so there
    nothing is kept while the two differ.
    """

    def __init__(self, settings: Settings, topic: str = WEBHOOKS) -> None:
        self._settings = settings
        self._must_agree = topic != WEBHOOKS
        self._misfit: str | None = None
        self._topic = settings.topic(topic)
        self._producer: AIOKafkaProducer | None = None
        self._writer: BatchWriter | None = None
        self._why_not: Callable[[], NotKeptError] = broker_away
        self._silent = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._complaints = Complaints(_log, every=_REMIND_SECONDS)

    def publish(self, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[None]:
        if self._writer is None:
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(self._why_not())
            return refused
        return self._writer.add(key, value, headers)

    async def check(self) -> None:
        producer = self._producer
        if producer is None or self._writer is None:
            raise self._why_not()
        try:
            answered = await asyncio.wait_for(
                producer.client.force_metadata_update(), _CHECK_SECONDS
            )
        except TimeoutError:
            raise broker_slow() from None
        if not answered:
            raise broker_away()
        if not producer.client.cluster.partitions_for_topic(self._topic):
            raise topic_missing()

    def check_settings(self) -> None:
        if self._misfit is not None:
            raise partitions_differ(self._misfit)

    async def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep_connected())

    async def stop(self) -> None:
        self._why_not = stopping
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(TimeoutError):  # each batch fails by itself at its deadline
                await asyncio.wait_for(writer.drain(), self._settings.publish_timeout_seconds)
            writer.close(stopping)
        if self._producer is not None:
            self._retire(self._producer)
        if self._closing:
            await asyncio.wait(self._closing, timeout=2 * self._settings.publish_timeout_seconds)

    async def _keep_connected(self) -> None:
        while True:
            try:
                producer, partitions = await self._connect()
            except Exception as error:  # noqa: BLE001 - said, and tried again
                self._say_why_not(error)
                await asyncio.sleep(_MISFIT_RETRY_SECONDS if self._misfit else _RETRY_SECONDS)
                continue
            self._misfit = None
            _log.info("connected to the broker", broker=self._settings.kafka, topic=self._topic)
            await self._serve(producer, partitions)
            _log.error("the broker went silent; connecting anew", broker=self._settings.kafka)

    async def _connect(self) -> tuple[AIOKafkaProducer, list[int]]:
        """A started producer and the topic's partitions."""
        producer = kafka.producer(
            self._settings,
            linger_ms=0,
            enable_idempotence=False,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(self._settings.publish_timeout_seconds * 1000),
        )
        try:
            await producer.start()
            return producer, await self._partitions(producer)
        except BaseException:
            await producer.stop()
            raise

    async def _partitions(self, producer: AIOKafkaProducer) -> list[int]:
        """Looks the topic up in the list of all of them first: asking a broker for one topic by
        name makes it, with the broker's defaults, where auto-creation is on.
        """
        everything = await producer.client.fetch_all_metadata()
        if not everything.partitions_for_topic(self._topic):
            raise topic_missing()
        settings = self._settings
        if self._must_agree:
            settings = await kafka.recognised(settings)
            refuse_others(settings, _counts(everything, settings.topic_prefix))
        # Those that somebody added are not for our keys (streams.partitions).
        there = sorted(await producer.partitions_for(self._topic))
        return there[: settings.partitions]

    async def _serve(self, producer: AIOKafkaProducer, partitions: list[int]) -> None:
        """Publishes through this producer until the broker has gone silent."""
        self._silent.clear()
        self._producer = producer
        self._writer = BatchWriter(
            producer,
            self._topic,
            partitions,
            linger=LINGER_SECONDS,
            pace=PACE_SECONDS,
            timeout=self._settings.publish_timeout_seconds,
            on_silence=self._silent.set,
        )
        await self._silent.wait()
        self._why_not = broker_away
        writer, self._writer, self._producer = self._writer, None, None
        writer.close(broker_away)
        self._retire(producer)

    def _retire(self, producer: AIOKafkaProducer) -> None:
        """Closes it in the background: it may still have to wait for a batch to expire."""
        task = asyncio.create_task(producer.stop())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _say_why_not(self, error: Exception) -> None:
        if isinstance(error, PartitionsError):
            self._misfit = str(error)
            self._why_not = partial(partitions_differ, self._misfit)
            sentence = f"{error}. Webhooks are kept all the same; the API writes nothing"
        elif isinstance(error, NotKeptError):
            self._why_not = topic_missing
            sentence = "the topic is missing: make it with `dmstream topics --create`"
        else:
            self._why_not = broker_away
            sentence = "waiting for the broker"
        self._complaints.say(
            f"{sentence}; until then requests are answered 503",
            type(error).__name__,
            broker=self._settings.kafka,
            topic=self._topic,
        )


def _counts(cluster: ClusterMetadata, prefix: str) -> dict[str, int]:
    """Partitions by topic, of this pipeline's topics, by their names without the prefix."""
    return {
        topic.removeprefix(prefix): len(cluster.partitions_for_topic(topic) or ())
        for topic in cluster.topics()
        if topic.startswith(prefix)
    }
