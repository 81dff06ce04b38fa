"""State made anew by folding what happened, and held against the live one: invariant 4, on demand.

From the log, or from the archive and then the log's tail: what the archive does not have yet, or
what it will never have to be asked for because nobody waits for it. The live state is what the
worker would recover: the newest value of each key of its changelog.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.events import parse_event
from schemas.topics import EVENTS
from sinks import clickhouse, incarnations
from streams import kafka
from streams.agents.forgetting import is_over
from streams.agents.outbox import Outbox
from streams.agents.working_set import WorkingSet
from streams.conversation.evolve import evolve
from streams.conversation.instants import to_ms
from streams.log_positions import CONVERSATIONS_GROUP, STATE_CHANGELOG, committed, ends_now
from streams.partitions import partition_of
from streams.settings import Settings
from streams.state_differences import differing, parts_of

Progress = Callable[[str, int], None]
"""What is read, and how many records so far."""

_CHUNK = 5_000
_ROUNDS = 20
"""How often a live state that moves on is asked again."""
_PAUSE_SECONDS = 0.5


class RebuildError(RuntimeError):
    """The state can't be compared or written now; the sentence says why."""


@dataclass(slots=True)
class Fold:
    """The state that events make, as a store's keys and values."""

    states: dict[bytes, bytes] = field(default_factory=dict)
    events: int = 0
    latest: int = 0
    """The latest receipt (ms) that an event tells."""

    def add(self, values: Iterable[bytes]) -> None:
        """Events of `dm.events.v1`, in the order of their partition. What is no event is passed
        over, as the worker does, which tells of it in `dm.failures.v1`."""
        working = WorkingSet(self.states)
        for value in values:
            try:
                event = parse_event(value)
            except ValueError:
                continue
            before = working.load(event)
            working.store(event, before, evolve(before, event))
            self.events += 1
            self.latest = max(self.latest, to_ms(event.receivedat))
        for key, changed in working.changes():
            if changed is None:
                self.states.pop(key, None)
            else:
                self.states[key] = changed


@dataclass(slots=True)
class Rebuilt:
    fold: Fold
    live: dict[bytes, bytes]
    from_archive: int = 0

    def forget(self, at: datetime) -> None:
        """Takes out of both what is no part of the state any more at `at`: the worker does it by
        and by."""
        now = min(self.fold.latest, to_ms(at))
        for states in (self.fold.states, self.live):
            for key in [key for key, value in states.items() if is_over(key, value, now)]:
                del states[key]

    @property
    def differing(self) -> list[bytes]:
        return differing(self.live, self.fold.states)


async def compare(settings: Settings, *, archive: bool, progress: Progress) -> Rebuilt:
    """The rebuilt state and the live one. A worker that is at work is waited for, so that what
    differs then differs for good. Raises RebuildError, and the clients' errors."""
    async with _reading(settings, archive=archive, progress=progress) as rebuild:
        await rebuild.advance()
        for _ in range(_ROUNDS):
            await rebuild.wait_for_the_worker()
            moved = await rebuild.advance()
            if not rebuild.rebuilt.differing or not moved:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        return rebuild.rebuilt


async def write(settings: Settings, *, archive: bool, progress: Progress) -> Rebuilt:
    """Makes the changelog say what was rebuilt; returns what it said before. No conversations
    worker may run: it would go on from what it has in memory, and write that.

    A worker that starts afterwards folds the log from its committed offset once more, which
    changes nothing (invariant 5). Raises RebuildError, and the clients' errors.
    """
    async with _reading(settings, archive=archive, progress=progress) as rebuild:
        await _refuse_while_a_worker_runs(rebuild.settings)
        await rebuild.advance()
        await _write(rebuild.settings, rebuild.rebuilt)
        return rebuild.rebuilt


@dataclass(slots=True)
class _Rebuild:
    settings: Settings
    reader: AIOKafkaConsumer
    prober: AIOKafkaConsumer
    progress: Progress
    rebuilt: Rebuilt
    places: list[TopicPartition]

    async def advance(self) -> bool:
        """Reads log and changelog to their ends of now; whether there was anything new."""
        ends = await ends_now(self.settings, self.prober, self.places)
        events_topic = self.settings.topic(EVENTS)
        left = {place for place in self.places if await self.reader.position(place) < ends[place]}
        moved, read = bool(left), 0
        while left:
            for place, records in (await self.reader.getmany(*left, timeout_ms=500)).items():
                read += len(records)
                if place.topic == events_topic:
                    self.rebuilt.fold.add(record.value or b"" for record in records)
                else:
                    self._take(records)
            self.progress("log and changelog", read)
            await asyncio.sleep(0)  # positions move in aiokafka's own task
            left = {place for place in left if await self.reader.position(place) < ends[place]}
        self.rebuilt.forget(datetime.now(UTC))
        return moved

    async def wait_for_the_worker(self, seconds: float = 20.0) -> None:
        """Until it has folded what we have folded. Raises RebuildError where it stands still."""
        group = await committed(self.settings, CONVERSATIONS_GROUP, EVENTS)
        wanted = {place: await self.reader.position(place) for place in group}
        deadline = time.monotonic() + seconds
        while behind := sum(max(0, wanted[place] - at) for place, at in group.items()):
            if time.monotonic() > deadline:
                raise RebuildError(
                    f"the conversations worker is {behind:,} events behind the log: start it, or "
                    "wait until `dmstream doctor` calls it up to date"
                )
            await asyncio.sleep(_PAUSE_SECONDS)
            group = await committed(self.settings, CONVERSATIONS_GROUP, EVENTS)

    def _take(self, records: list[Any]) -> None:
        for record in records:
            if record.value is None:
                self.rebuilt.live.pop(record.key, None)
            else:
                self.rebuilt.live[record.key] = record.value


@asynccontextmanager
async def _reading(
    settings: Settings, *, archive: bool, progress: Progress
) -> AsyncIterator[_Rebuild]:
    settings = await kafka.recognised(settings)
    reader, prober = kafka.reader(settings), kafka.reader(settings)
    await reader.start()
    await prober.start()
    try:
        numbers = range(settings.partitions)
        log = [TopicPartition(settings.topic(EVENTS), number) for number in numbers]
        changelog = [TopicPartition(settings.topic(STATE_CHANGELOG), number) for number in numbers]
        begins: dict[TopicPartition, int] = await reader.beginning_offsets(log + changelog)
        rebuilt = Rebuilt(Fold(), {})
        if archive:
            log_id = await kafka.log_id(settings)
            archived = await asyncio.to_thread(_fold_archive, settings, log_id, rebuilt, progress)
            for place in log:
                begins[place] = max(begins[place], archived.get(place.partition, 0))
        elif any(begins[place] for place in log):
            raise RebuildError(
                f"{settings.topic(EVENTS)} does not begin at its first event any more (retention):"
                " rebuild from the archive, `--from archive`"
            )
        reader.assign(log + changelog)
        for place, begin in begins.items():
            reader.seek(place, begin)
        yield _Rebuild(settings, reader, prober, progress, rebuilt, log + changelog)
    finally:
        await reader.stop()
        await prober.stop()


def _fold_archive(
    settings: Settings, log: str, rebuilt: Rebuilt, progress: Progress
) -> dict[int, int]:
    """Folds all that is archived; by partition of the present log, the offset to go on from."""
    client = clickhouse.connect_with(settings)
    reached: dict[int, int] = {}
    try:
        archived = incarnations.read_back(client, database=settings.clickhouse_database)
        while chunk := list(islice(archived, _CHUNK)):
            rebuilt.fold.add(event.value for event in chunk)
            rebuilt.from_archive += len(chunk)
            progress("archive", len(chunk))
            for event in chunk:
                name, partition, offset = event.origin.rsplit("/", 2)
                if name == log:
                    reached[int(partition)] = int(offset) + 1
    finally:
        client.close()
    return reached


async def _refuse_while_a_worker_runs(settings: Settings) -> None:
    """The embedded broker can't be asked who is in a group: there the caller's word counts."""
    if settings.embedded:
        return
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([settings.topic(CONVERSATIONS_GROUP)])
        members = sum(
            len(group[-1]) for group in answer.groups if group[2] not in {"Dead", "Empty"}
        )
    finally:
        await admin.close()
    if members:
        raise RebuildError(
            f"{members} conversations workers run: stop them all first, then write the state"
        )


async def _write(settings: Settings, rebuilt: Rebuilt) -> None:
    producer = kafka.producer(settings)
    await producer.start()
    try:
        outbox = Outbox(producer, partitions=settings.partitions)
        topic = settings.topic(STATE_CHANGELOG)
        for key in rebuilt.differing:
            _, profile, _ = parts_of(key)
            number = partition_of(profile.encode(), settings.partitions)
            outbox.add(topic, key, rebuilt.fold.states.get(key), partition=number)
        await outbox.flush()
    finally:
        await producer.stop()
