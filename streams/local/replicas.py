"""Whether what dmstream wrote outlives a broker: the copies of each topic, changelogs too."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from schemas.topics import TOPICS
from streams import kafka
from streams.local.diagnosis import Finding
from streams.settings import Settings

_ANSWER_SECONDS = 15.0
_LEAST = "min.insync.replicas"
_OURS = frozenset(topic.name for topic in TOPICS)
_OF_WORKERS = "dmstream-"
"""Begins the names of what Faust makes: changelogs, and the topic that its leader is known by."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Of one topic; of its partitions the one with the fewest."""

    topic: str
    replicas: int
    in_sync: int
    least_in_sync: int
    """How many must have a record before it is acknowledged."""


async def of_replicas(settings: Settings) -> Finding:
    """One finding, the worst. The embedded broker has one copy, in memory."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if (await kafka.log_id(settings)).startswith(kafka.EMBEDDED_PREFIX):
                return Finding("ok", "copies", "one, in memory: the archive restores them")
            return judge_copies(settings, await _copies(settings))
    except (KafkaError, OSError, TimeoutError) as error:
        return Finding("note", "copies", f"the broker did not tell ({type(error).__name__})")


def judge_copies(settings: Settings, copies: Iterable[Copies]) -> Finding:
    """Who runs the doctor may have forgotten DM_REPLICATION just as a worker did: the topics with
    the most copies tell what was wanted."""
    found = sorted(copies, key=lambda one: one.topic)
    wanted = max([settings.replication, *(one.replicas for one in found)])
    insync = max(settings.insync, settings.model_copy(update={"replication": wanted}).insync)
    checks = (
        (
            {one.topic: one.replicas for one in found if one.replicas < wanted},
            f"have fewer copies than {wanted}: a broker that dies takes what is on them along",
            (
                "set DM_REPLICATION for every worker, not for `dmstream topics` alone; give those "
                "that exist more with kafka-reassign-partitions.sh (docs/kafka.md)"
            ),
        ),
        (
            {one.topic: one.in_sync for one in found if one.in_sync < one.least_in_sync},
            "have fewer brokers in sync than a write needs: what goes there waits",
            "start the brokers that are away",
        ),
        (
            {one.topic: one.least_in_sync for one in found if one.least_in_sync < insync},
            f"acknowledge a record with fewer copies than {insync} ({_LEAST})",
            f"kafka-configs.sh --alter --entity-type topics --add-config {_LEAST}={insync}",
        ),
    )
    for odd, what, remedy in checks:
        if odd:
            return Finding("wrong", "copies", f"{_named(odd)} {what}", remedy)
    behind = {one.topic: one.in_sync for one in found if one.in_sync < one.replicas}
    if behind:
        return Finding(
            "note", "copies", f"{_named(behind)} have fewer in sync than {wanted}: one broker is "
            "away or catches up",
        )  # fmt: skip
    return Finding("ok", "copies", f"{wanted} of each of {len(found)} topics, changelogs too")


def _named(odd: dict[str, int]) -> str:
    names = ", ".join(f"{name} ({count})" for name, count in list(odd.items())[:4])
    return f"{len(odd)} topics ({names}{', ...' if len(odd) > 4 else ''})"  # noqa: PLR2004 - a line


async def _copies(settings: Settings) -> list[Copies]:
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        topics = [
            topic for topic in await admin.describe_topics() if _is_ours(settings, topic["topic"])
        ]
        least = await _least_in_sync(admin, [topic["topic"] for topic in topics])
    finally:
        await admin.close()
    return [
        Copies(
            topic["topic"].removeprefix(settings.topic_prefix),
            min(len(one["replicas"]) for one in topic["partitions"]),
            min(len(one["isr"]) for one in topic["partitions"]),
            least.get(topic["topic"], 1),
        )
        for topic in topics
    ]


def _is_ours(settings: Settings, topic: str) -> bool:
    if not topic.startswith(settings.topic_prefix):
        return False
    name = topic.removeprefix(settings.topic_prefix)
    return name in _OURS or name.startswith(_OF_WORKERS)


async def _least_in_sync(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, int]:
    if not topics:
        return {}
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    answers: list[Any] = await admin.describe_configs(wanted)
    return {
        resource[3]: int(entry[1])
        for answer in answers
        for resource in answer.resources
        for entry in resource[4]
        if entry[0] == _LEAST
    }
