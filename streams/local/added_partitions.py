"""Partitions that somebody added to our topics: what they mean, and whether anything lies there."""

import asyncio

from aiokafka.errors import KafkaError

from schemas.topics import TOPICS
from streams.local.diagnosis import Finding
from streams.log_positions import log_ends, log_starts, partition_counts
from streams.partitions import added
from streams.settings import Settings

_ANSWER_SECONDS = 15.0


async def of_added(settings: Settings) -> Finding | None:
    """None where there are none, or nobody tells: that is found elsewhere."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            ours = frozenset(topic.name for topic in TOPICS)
            found = added(await partition_counts(settings), ours, settings.partitions)
            if not found:
                return None
            ends, starts = await log_ends(settings, *found), await log_starts(settings, *found)
    except (KafkaError, OSError, TimeoutError):
        return None
    lost = {
        f"{place.topic}/{place.partition}": end - starts[place]
        for place, end in ends.items()
        if place.partition >= settings.partitions and end > starts[place]
    }
    return judge_added(settings, found, lost)


def judge_added(settings: Settings, found: dict[str, int], lost: dict[str, int]) -> Finding:
    """`lost`: records by place, on partitions that nobody reads."""
    counts = ", ".join(f"{name} has {count}" for name, count in found.items())
    told = f"{counts}, and keys are spread over the first {settings.partitions}"
    if not lost:
        return Finding("note", "added partitions", f"{told}: they are left alone")
    places = ", ".join(sorted(lost)[:4])
    return Finding(
        "wrong",
        "added partitions",
        f"{sum(lost.values()):,} records lie on some ({places}) and nobody reads them; {told}",
        f"who wrote them must pick the partition by murmur2(key) % {settings.partitions}, and "
        "write them again under the same ids",
    )
