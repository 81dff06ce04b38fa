"""Whether a pipeline is as it should be: what `dmstream doctor` asks, and what to do about it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import COMMANDS, EVENTS, FAILURES, HOOK_DELIVERIES, HOOKS, TOPICS, WEBHOOKS
from streams import kafka
from streams.hooks.directory import HookDirectory
from streams.local.catching_up import (
    DELIVERY_GROUP,
    HISTORY_GROUP,
    OUTBOUND,
    WEBHOOKS_GROUP,
)
from streams.log_positions import (
    CONVERSATIONS_GROUP,
    STATE_CHANGELOG,
    committed,
    log_ends,
    partition_counts,
    written_at,
)
from streams.settings import Settings

State = Literal["ok", "note", "wrong"]
"""`note`: worth knowing, and nothing to mend."""

_ANSWER_SECONDS = 15.0
_MOVES_WITHIN_SECONDS = 7.0
"""A reader that is behind and does not move in this time stands still. Longer than a worker takes
to be started again on the embedded broker."""

_OPTIONAL = frozenset({DELIVERY_GROUP, WEBHOOKS_GROUP})
"""Who only keeps and asks sends nothing, and tells nobody."""

_READ_BY = {
    CONVERSATIONS_GROUP: (WEBHOOKS, EVENTS, COMMANDS),
    DELIVERY_GROUP: OUTBOUND,
    HISTORY_GROUP: (EVENTS, FAILURES, HOOK_DELIVERIES),
    WEBHOOKS_GROUP: (EVENTS,),
}


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    what: str
    found: str
    remedy: str = ""


async def of_broker(settings: Settings) -> list[Finding]:
    """Broker, topics, and how far the readers are behind; only the first where none answers."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            settings = await kafka.recognised(settings)
            log = await kafka.log_id(settings)
            counts = await partition_counts(settings)
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            Finding(
                "wrong",
                "Kafka",
                f"{settings.kafka} does not answer ({type(error).__name__})",
                "start it (`dmstream up`), or set DM_KAFKA",
            )
        ]
    findings = [
        Finding("ok", "Kafka", f"{settings.kafka}, cluster {log}"),
        of_topics(settings, counts),
    ]
    if all(topic in counts for topics in (*_READ_BY.values(), (HOOKS,)) for topic in topics):
        findings += [await _of_reader(settings, group) for group in _READ_BY]
        findings[-1] = of_webhooks_out(findings[-1], await _subscriptions(settings))
    return findings


def of_webhooks_out(reader: Finding, subscriptions: int) -> Finding:
    """The webhooks worker is needed by those who have webhooks: who has none need not run it."""
    if reader.state != "wrong":
        return reader
    if not subscriptions:
        return Finding("note", reader.what, "does not run, and nobody has a webhook to be told")
    what = f"{reader.found}; {subscriptions} webhooks wait to be told"
    return Finding("wrong", reader.what, what, reader.remedy)


async def _subscriptions(settings: Settings) -> int:
    directory = HookDirectory(settings)
    consumer = await directory.topic.read_all()
    await consumer.stop()
    return sum(hook.is_working for hook in directory.records.values())


def of_topics(settings: Settings, counts: dict[str, int]) -> Finding:
    """All there, with as many partitions as the settings say: else a profile's events and its
    commands could be in two workers' hands.
    """
    missing = [topic.name for topic in TOPICS if topic.name not in counts]
    if missing:
        return Finding(
            "wrong", "topics", f"missing: {', '.join(missing)}", "dmstream topics --create"
        )
    if STATE_CHANGELOG in counts and counts[STATE_CHANGELOG] == settings.partitions:
        # What has more than the state's changelog was given them later (added_partitions.py).
        counts = {name: min(count, settings.partitions) for name, count in counts.items()}
    odd = {t.name: counts[t.name] for t in TOPICS if counts[t.name] != settings.partitions}
    if odd:
        found = ", ".join(f"{name} has {count}" for name, count in odd.items())
        return Finding(
            "wrong",
            "topics",
            f"partitions: {found}, and DM_PARTITIONS is {settings.partitions}",
            "set DM_PARTITIONS to what the topics have; all of them need the same number",
        )
    return Finding("ok", "topics", f"{len(TOPICS)}, of {settings.partitions} partitions each")


async def _of_reader(settings: Settings, group: str) -> Finding:
    topics = _READ_BY[group]

    async def ends() -> Offsets:
        found = await log_ends(settings, *topics)
        return {place: end for place, end in found.items() if place.partition < settings.partitions}

    return await judge_reader(
        group,
        reached=lambda: committed(settings, group, *topics),
        ends=ends,
        wait=_MOVES_WITHIN_SECONDS,
        written_at=lambda offsets: written_at(settings, offsets),
        is_optional=group in _OPTIONAL,
    )


Offsets = dict[TopicPartition, int]
WrittenAt = Callable[[Offsets], Awaitable[dict[TopicPartition, float]]]


async def judge_reader(
    group: str,
    *,
    reached: Callable[[], Awaitable[Offsets]],
    ends: Callable[[], Awaitable[Offsets]],
    wait: float,
    written_at: WrittenAt | None = None,
    is_optional: bool = False,
) -> Finding:
    """Behind and moving is at work; behind and not moving is wrong, unless it never ran and need
    not. `written_at` tells how old what is left is."""
    before = await reached()
    end = await ends()
    left = {place: end[place] - before.get(place, 0) for place in end}
    behind = {place: count for place, count in left.items() if count > 0}
    if not behind:
        return Finding("ok", f"reader {group}", "0 records behind")
    await asyncio.sleep(wait)
    after = await reached()
    if is_optional and not any(before.values()) and not any(after.values()):
        return Finding(
            "note",
            f"reader {group}",
            "has never run here; whoever has no use for it leaves it out",
        )
    found = f"{sum(behind.values()):,} records behind in {len(behind)} partitions"
    if written_at is not None:
        found += await _age({place: after.get(place, 0) for place in behind}, written_at)
    if any(after.get(place, 0) > before.get(place, 0) for place in behind):
        return Finding("note", f"reader {group}", f"{found}, and reading")
    where = ", ".join(f"{place.topic}/{place.partition}" for place in sorted(behind)[:4])
    return Finding(
        "wrong",
        f"reader {group}",
        f"{found}, and standing still ({where})",
        f"is `dmstream worker {group.removeprefix('dmstream-')}` running? If so, its log says "
        "what it waits for",
    )


async def _age(behind: Offsets, written_at: WrittenAt) -> str:
    """How long the oldest record after a committed offset has waited."""
    times = await written_at(behind)
    if not times:
        return ""
    seconds = max(0, round(time.time() - min(times.values())))
    return f", the oldest since {timedelta(seconds=seconds)} h"
