"""State at scale: bytes per conversation, recovery, and the rate with many conversations.

    python -m bench.state [--conversations 1000 100000 1000000] [--webhooks 100000]

For each number the state's changelog is filled directly; then a real conversations worker starts on
the embedded broker, recovers, and works through webhooks that are spread over all conversations.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import conversations
from bench.processes import (
    broker,
    processor_seconds,
    resident_bytes,
    wait_until_ready,
    worker,
)
from schemas.accounts import AccountRecord, account_key
from schemas.base import rfc3339
from schemas.topics import ACCOUNTS, EVENTS, WEBHOOKS, Topic, WebhookHeader
from streams import kafka
from streams.agents.outbox import Outbox
from streams.log_positions import CONVERSATIONS_GROUP, STATE_CHANGELOG, committed, log_ends
from streams.partitions import partition_of
from streams.settings import Settings

PARTITIONS = 8
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Measured:
    conversations: int
    records: int
    changelog_bytes: int
    recovery_seconds: float
    memory_bytes: int
    webhooks_per_second: float
    webhooks_per_core_second: float
    """By the worker's own processor time: other work on the machine does not change it much."""


async def fill(settings: Settings, count: int, progress: Progress) -> tuple[int, int]:
    """The changelog of that many conversations; its records, and their bytes unpacked."""
    bar = progress.add_task(f"{count:,} conversations, changelog", total=count)
    producer = kafka.producer(settings)
    await producer.start()
    outbox = Outbox(producer, partitions=settings.partitions)
    topic, records, size, done = settings.topic(STATE_CHANGELOG), 0, 0, 0
    for profile, key, value in conversations.states(count, datetime.now(UTC)):
        number = partition_of(profile.encode(), settings.partitions)
        outbox.add(topic, key, value, partition=number)
        records += 1
        size += len(key) + len(value)
        done += key.startswith(b"c")
        if records % CHUNK == 0:
            await outbox.flush()
            progress.update(bar, completed=done)
    await outbox.flush()
    progress.update(bar, completed=done)
    await producer.stop()
    return records, size


async def accounts(settings: Settings, count: int) -> None:
    """The directory knows every page: nobody is registered by a webhook here."""
    await accounts_of(
        settings,
        {place.page: place.profileid for place in conversations.places(count) if place.number == 0},
    )


async def accounts_of(settings: Settings, profiles: dict[str, str]) -> None:
    """Profiles by page."""
    producer = kafka.producer(settings)
    await producer.start()
    outbox = Outbox(producer, partitions=settings.partitions)
    for page, profileid in profiles.items():
        record = AccountRecord(
            provider="meta", reference=page, profileid=profileid, linked_at=datetime.now(UTC)
        )
        key = account_key("meta", page).encode()
        outbox.add(settings.topic(ACCOUNTS), key, record.model_dump_json().encode())
    await outbox.flush()
    await producer.stop()


async def ask(settings: Settings, count: int, webhooks: int) -> None:
    """Webhooks on their topic, spread over the conversations by a step that meets all."""
    producer = kafka.producer(settings)
    await producer.start()
    outbox = Outbox(producer, partitions=settings.partitions)
    known = list(conversations.places(count))
    step = 7_919  # a prime: neighbours in time are strangers
    at = datetime.now(UTC)
    headers = [
        (WebhookHeader.PROVIDER, b"meta"),
        (WebhookHeader.RECEIVED_AT, rfc3339(at).encode()),
    ]
    for number in range(webhooks):
        place = known[number * step % count]
        ms = int(at.timestamp() * 1000) - webhooks + number
        message = {"mid": f"m_{number:086d}", "text": "Do you have this in blue? "}
        item = {
            "sender": {"id": place.person}, "recipient": {"id": place.page},
            "timestamp": ms, "message": message,
        }  # fmt: skip
        entry = {"id": place.page, "time": ms, "messaging": [item]}
        body = orjson.dumps({"object": "page", "entry": [entry]})
        outbox.add(settings.topic(WEBHOOKS), place.page.encode(), body, headers)
        if number % CHUNK == 0:
            await outbox.flush()
    await outbox.flush()
    await producer.stop()


async def left(settings: Settings) -> int:
    """Webhooks and events that the worker has not acknowledged."""
    reached = await committed(settings, CONVERSATIONS_GROUP, WEBHOOKS, EVENTS)
    ends = await log_ends(settings, WEBHOOKS, EVENTS)
    return sum(max(0, end - reached.get(place, 0)) for place, end in ends.items())


def work_off(settings: Settings, webhooks: int, progress: Progress) -> float:
    bar = progress.add_task(f"{webhooks:,} webhooks", total=webhooks)
    started = time.monotonic()
    while remaining := asyncio.run(left(settings)):
        progress.update(bar, completed=max(0, webhooks - remaining))
        time.sleep(0.1)
    progress.update(bar, completed=webhooks)
    return time.monotonic() - started


def measure(count: int, webhooks: int, progress: Progress) -> Measured:
    with broker(PARTITIONS) as settings:
        changelog = Topic(STATE_CHANGELOG, "state", "state", {"cleanup.policy": "compact"})
        asyncio.run(kafka.ensure_topics(settings))
        asyncio.run(kafka.ensure_topics(settings, (changelog,)))
        asyncio.run(accounts(settings, count))
        empty = memory_without_state(settings)
        records, size = asyncio.run(fill(settings, count, progress))
        bar = progress.add_task(f"{count:,} conversations, recovery", total=None)
        started = time.monotonic()
        with worker(settings, "conversations") as child:
            wait_until_ready(settings, "conversations", child, 1200)
            recovery = time.monotonic() - started
            progress.update(bar, total=1, completed=1)
            memory = resident_bytes(child) - empty
            used = processor_seconds(child)
            asyncio.run(ask(settings, count, webhooks))
            seconds = work_off(settings, webhooks, progress)
            used = processor_seconds(child) - used
        rates = webhooks / seconds, webhooks / used
        return Measured(count, records, size, recovery, memory, *rates)


def memory_without_state(settings: Settings) -> int:
    """Of a worker that has recovered nothing. The same accounts, so that only state differs."""
    other = settings.model_copy(update={"topic_prefix": "empty."})
    asyncio.run(kafka.ensure_topics(other))
    asyncio.run(accounts(other, 1))
    with worker(other, "conversations") as child:
        wait_until_ready(other, "conversations", child, 60)
        return resident_bytes(child)


def shown(found: list[Measured]) -> Table:
    table = Table(
        "conversations", "records", "changelog B each", "memory B each", "recovery s",
        "webhooks/s", "webhooks/core-s",
    )  # fmt: skip
    for one in found:
        table.add_row(
            f"{one.conversations:,}",
            f"{one.records:,}",
            f"{one.changelog_bytes / one.conversations:,.0f}",
            f"{one.memory_bytes / one.conversations:,.0f}",
            f"{one.recovery_seconds:.1f}",
            f"{one.webhooks_per_second:,.0f}",
            f"{one.webhooks_per_core_second:,.0f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--conversations", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--webhooks", type=int, default=100_000)
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        found = [measure(count, options.webhooks, progress) for count in options.conversations]
    console.print(shown(found))
    console.print(
        "goals: under 1,000 bytes each; 1,000,000 recovered in under 60 s; rates within 20 %",
        highlight=False,
    )


if __name__ == "__main__":
    main()
