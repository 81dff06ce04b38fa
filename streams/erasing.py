"""What an erasure has to take, whether the archive has done it, and what Kafka holds meanwhile.

The command itself is written like any other (streams.commanding); the core answers it with
`correspondent.erased`, and the history worker blanks the archive when it reads that event.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.base import Platform
from schemas.topics import COMMANDS, EVENTS, FAILURES, OUTBOUND_DELAYED, WEBHOOKS, outbound_topic
from sinks import erased
from sinks.clickhouse import connect_with
from sinks.erased import Held, Proof
from streams import kafka
from streams.conversation.keys import parse_address
from streams.settings import Settings

_ASK_EVERY_SECONDS = 0.3


class NotErasedError(RuntimeError):
    """The archive has not carried it out in time; the sentence says what to look at."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a topic holds what was written up to now."""

    topic: str
    until: datetime | None
    """None: without end, as it is set."""


async def held(settings: Settings, profile: str, conversation: str) -> Held:
    """Raises the client's errors."""
    return await asyncio.to_thread(_held, settings, profile, conversation)


async def wait_until_erased(
    settings: Settings, profile: str, conversation: str, erased_at: datetime, seconds: float
) -> Proof:
    """Returns once the archive has carried out the erasure of that instant. Raises NotErasedError,
    and the client's errors."""
    return await asyncio.to_thread(
        _wait, settings, profile, conversation, erased_at, time.monotonic() + seconds
    )


async def retentions(settings: Settings, conversation: str, now: datetime) -> list[Retention]:
    """Of the topics that may hold content of a conversation, by the broker's own word."""
    address = parse_address(conversation)
    platform: Platform | None = address.platform if address else None
    names = [EVENTS, WEBHOOKS, COMMANDS, FAILURES, OUTBOUND_DELAYED]
    names += [outbound_topic(platform)] if platform else []
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, settings.topic(name)) for name in names]
        answers = await admin.describe_configs(asked)
    finally:
        await admin.close()
    found = []
    for answer in answers:
        for _, _, _, topic, entries in answer.resources:
            # A week is Kafka's own default, where a topic says nothing.
            kept = next((int(e[1]) for e in entries if e[0] == "retention.ms"), 604_800_000)
            until = None if kept < 0 else now + timedelta(milliseconds=kept)
            found.append(Retention(str(topic), until))
    return sorted(found, key=lambda one: names.index(one.topic.removeprefix(settings.topic_prefix)))


def _held(settings: Settings, profile: str, conversation: str) -> Held:
    client = connect_with(settings)
    try:
        return erased.held(client, profile, conversation, database=settings.clickhouse_database)
    finally:
        client.close()


def _wait(
    settings: Settings, profile: str, conversation: str, erased_at: datetime, deadline: float
) -> Proof:
    client = connect_with(settings)
    try:
        while True:
            proof = erased.proof(
                client, profile, conversation, erased_at, database=settings.clickhouse_database
            )
            if proof is not None:
                return proof
            if time.monotonic() > deadline:
                raise NotErasedError(
                    f"the archive has not erased {conversation} yet: is `dmstream worker history` "
                    "running? It goes on by itself; dm_analytics.erasures tells when it is done"
                )
            time.sleep(_ASK_EVERY_SECONDS)
    finally:
        client.close()
