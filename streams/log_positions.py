"""Where the log ends, how far readers have come: what lag and completeness are counted from."""

import asyncio
import contextlib
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata

from streams import kafka
from streams.settings import Settings

CONVERSATIONS_GROUP = "dmstream-conversations"
STATE_CHANGELOG = f"{CONVERSATIONS_GROUP}-state-changelog"
"""Where the conversations worker's state is durable: Faust names it after app and table."""

_PATIENCE_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 0.1
_COORDINATOR_MOVES = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    KafkaConnectionError,
    NodeNotReadyError,
)


class NotToldError(TimeoutError):
    """The broker answers, but not what was asked of it; the sentence names the partitions."""


async def log_ends(settings: Settings, *topics: str) -> dict[TopicPartition, int]:
    """The offset after the last record of each partition. Raises NotToldError.

    Asked with a fetch, because the embedded broker's answer to "latest offset" is too low: the
    last batch's first offset plus one (measured: 109 where 145 was right). The high-water mark
    that comes with a fetch is right on every broker, so this needs not know which one it asks.
    """
    consumer = AIOKafkaConsumer(
        *[settings.topic(name) for name in topics],
        **kafka.connection(settings),
        auto_offset_reset="latest",
        enable_auto_commit=False,
        # There is most often nothing to fetch: the broker shall say so at once.
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        partitions: set[TopicPartition] = consumer.assignment()
        ends: dict[TopicPartition, int] = {}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(ends) < len(partitions):
            await consumer.getmany(timeout_ms=20)
            marks = {partition: consumer.highwater(partition) for partition in partitions}
            ends = {partition: mark for partition, mark in marks.items() if mark is not None}
            if time.monotonic() > deadline and len(ends) < len(partitions):
                raise _ends_not_told(partitions - ends.keys())
        return ends
    finally:
        await consumer.stop()


async def ends_now(
    settings: Settings, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """The same for some partitions, asked through a consumer that stays: a millisecond or two.

    `consumer` has no topics; its assignment is changed, so only one may ask through it at a time.
    The embedded broker's answer is too low (see `log_ends`), so there the last batch is read.
    Raises NotToldError.
    """
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    if not settings.embedded:
        return ends
    filled = [tp for tp in partitions if ends[tp] > 0]
    if not filled:
        return ends
    consumer.assign(filled)
    for tp in filled:
        consumer.seek(tp, ends[tp] - 1)
    waiting = set(filled)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while waiting:
        for tp, records in (await consumer.getmany(*waiting, timeout_ms=500)).items():
            ends[tp] = max(ends[tp], records[-1].offset + 1)
            waiting.discard(tp)
        if waiting and time.monotonic() > deadline:
            raise _ends_not_told(waiting)
    # Else it goes on fetching, and the next question waits behind a fetch that waits for records:
    # this broker answers a connection's requests one after another (measured: 35 ms, 6 without).
    consumer.pause(*filled)
    return ends


def _ends_not_told(partitions: set[TopicPartition]) -> NotToldError:
    names = ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in partitions)[:4])
    return NotToldError(
        f"the broker did not tell where {len(partitions)} partitions end within "
        f"{_PATIENCE_SECONDS:.0f} s ({names})"
    )


async def log_starts(settings: Settings, *topics: str) -> dict[TopicPartition, int]:
    """The offset of the first record that each partition still has."""
    consumer = kafka.reader(settings, *topics)
    await consumer.start()
    try:
        starts: dict[TopicPartition, int] = await consumer.beginning_offsets(consumer.assignment())
        return starts
    finally:
        await consumer.stop()


async def written_at(
    settings: Settings, offsets: dict[TopicPartition, int], *, patience: float = 3.0
) -> dict[TopicPartition, float]:
    """When the first record at or after each offset was written (seconds since 1970); those that
    were not heard of within `patience` are left out."""
    consumer = kafka.reader(settings, fetch_bytes=64 * 1024)
    await consumer.start()
    found: dict[TopicPartition, float] = {}
    try:
        consumer.assign(list(offsets))
        for place, offset in offsets.items():
            consumer.seek(place, offset)
        deadline = time.monotonic() + patience
        while (waiting := set(offsets) - found.keys()) and time.monotonic() < deadline:
            for place, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
                found[place] = records[0].timestamp / 1000
        return found
    finally:
        await consumer.stop()


async def committed(settings: Settings, group: str, *topics: str) -> dict[TopicPartition, int]:
    """How far a consumer group has come in each partition of these topics; 0 before its start.

    `group` is its name without the prefix. The partitions are asked for by name: the embedded
    broker cuts the connection when it is asked for all, or about a group's members.

    Raises NotToldError where nobody answers for the group: its coordinator moves with its broker.
    """
    counts = await partition_counts(settings)
    partitions = [
        TopicPartition(settings.topic(topic), number)
        for topic in topics
        for number in range(counts.get(topic, 0))
    ]
    if not partitions:
        return {}
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            offsets = await _offsets(admin, settings.topic(group), partitions)
    except TimeoutError as error:
        raise NotToldError(
            f"no broker told the offsets of group {settings.topic(group)} within "
            f"{_PATIENCE_SECONDS:.0f} s"
        ) from error
    finally:
        await admin.close()
    return {partition: max(offsets[partition].offset, 0) for partition in partitions}


async def _offsets(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """aiokafka overlooks that a coordinator may answer for the group as a whole that it is no
    longer, or not yet, responsible: it then gives no offsets at all (measured while three nodes
    were restarted in turn).
    """
    while True:
        with contextlib.suppress(*_COORDINATOR_MOVES):
            found: dict[TopicPartition, OffsetAndMetadata]
            found = await admin.list_consumer_group_offsets(group, partitions=partitions)
            if len(found) == len(partitions):
                return found
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def partition_counts(settings: Settings) -> dict[str, int]:
    """The partitions of each topic of this pipeline, by its name without the prefix.

    Asks for all topics, since a question for a topic by its name would make it on some brokers.
    """
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        prefix = settings.topic_prefix
        return {
            topic["topic"].removeprefix(prefix): len(topic["partitions"])
            for topic in await admin.describe_topics()
            if topic["topic"].startswith(prefix)
        }
    finally:
        await admin.close()
