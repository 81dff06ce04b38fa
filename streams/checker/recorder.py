"""Records the history of a pipeline: from its broker and its archive, while it works and after.

`watch` looks at committed offsets as long as it runs; `record` reads everything, once the pipeline
is at rest. Both only read.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import (
    COMMANDS,
    EVENTS,
    FAILURES,
    OUTBOUND_DELAYED,
    OUTBOUND_FACEBOOK,
    OUTBOUND_INSTAGRAM,
    OUTBOUND_X,
    WEBHOOKS,
)
from streams import kafka
from streams.agents.rules import rules_of
from streams.checker import archived
from streams.checker.history import (
    CONVERSATIONS,
    DELIVERY,
    HISTORY,
    Attempt,
    Commit,
    History,
    Place,
    Record,
    Request,
)
from streams.log_positions import STATE_CHANGELOG, log_ends
from streams.settings import Settings

log = structlog.get_logger()

_OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)
_READ = {
    CONVERSATIONS: (WEBHOOKS, COMMANDS),
    DELIVERY: _OUTBOUND,
    HISTORY: (EVENTS, FAILURES),
}
_TOPICS = (WEBHOOKS, EVENTS, COMMANDS, FAILURES, *_OUTBOUND, OUTBOUND_DELAYED)


@dataclass(slots=True)
class Recorder:
    settings: Settings
    commits: list[Commit] = field(default_factory=list)

    async def watch(self, every_seconds: float = 0.5, *, archive: bool = True) -> None:
        """Until it is cancelled. A broker or archive that is away has nothing to be seen: it goes
        on when it is back. `archive`: whether there is one."""
        groups = {group: topics for group, topics in _READ.items() if archive or group != HISTORY}
        while True:
            try:
                await self._watch(every_seconds, groups)
            except (KafkaError, OSError, TimeoutError, archived.ArchiveAwayError) as error:
                log.info("not_seen", error=type(error).__name__)
                await asyncio.sleep(every_seconds)

    async def look(self) -> None:
        """Once. Raises KafkaError, ArchiveAwayError."""
        admin = AIOKafkaAdminClient(**kafka.connection(self.settings))
        await admin.start()
        try:
            incarnation = await kafka.log_id(self.settings)
            for group, topics in _READ.items():
                self.commits += await self._look(admin, incarnation, group, topics)
        finally:
            await admin.close()

    async def record(
        self,
        *,
        requests: Sequence[Request] | None = None,
        attempts: Sequence[Attempt] | None = None,
        single_writer: bool = False,
        archive: bool = True,
        folded: bool = True,
    ) -> History:
        """`archive`, `folded`: whether there is an archive, and a worker that folds a state.
        Raises KafkaError, TimeoutError, ArchiveAwayError."""
        found = await self._read_log()
        changelog = found.pop(STATE_CHANGELOG, [])
        changes = [(record.key or b"", record.value) for record in changelog]
        state: dict[bytes, bytes] = {}
        for key, value in changes:
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        incarnation = await kafka.log_id(self.settings)
        rules = rules_of(self.settings)
        return History(
            log=found,
            requests=requests,
            archive=(
                await asyncio.to_thread(archived.read, self.settings, incarnation)
                if archive
                else None
            ),
            state=state if folded else None,
            state_changes=changes,
            commits=tuple(self.commits),
            attempts=attempts,
            single_writer=single_writer,
            own_app_ids=frozenset(self.settings.meta_app_ids),
            monthly_limit=rules.monthly_limit,
            windows=rules.windows,
        )

    async def _watch(self, every_seconds: float, groups: dict[str, tuple[str, ...]]) -> None:
        admin = AIOKafkaAdminClient(**kafka.connection(self.settings))
        await admin.start()
        try:
            incarnation = await kafka.log_id(self.settings)
            while True:
                for group, topics in groups.items():
                    self.commits += await self._look(admin, incarnation, group, topics)
                await asyncio.sleep(every_seconds)
        finally:
            await admin.close()

    async def _look(
        self, admin: AIOKafkaAdminClient, incarnation: str, group: str, topics: tuple[str, ...]
    ) -> list[Commit]:
        """First the commits, then what the archive has: whatever is committed is there by then."""
        prefix = self.settings.topic_prefix
        wanted = [
            TopicPartition(prefix + topic, number)
            for topic in topics
            for number in range(self.settings.partitions)
        ]
        # By name: the embedded broker cuts the connection when it is asked for all.
        offsets = await admin.list_consumer_group_offsets(prefix + group, partitions=wanted)
        read_at = time.time_ns() // 1_000_000
        ends: dict[tuple[str, int], int] = {}
        if group == HISTORY:
            ends = await asyncio.to_thread(archived.first_missing, self.settings, incarnation)
        return [
            Commit(
                group,
                (topic := place.topic.removeprefix(prefix)),
                place.partition,
                told.offset,
                read_at,
                ends.get((topic, place.partition), 0) if group == HISTORY else None,
            )
            for place, told in offsets.items()
            if told.offset > 0
        ]

    async def _read_log(self) -> dict[str, list[Record]]:
        """All records that are there now, by topic, each partition in its order."""
        settings = self.settings
        names = (*_TOPICS, STATE_CHANGELOG)
        ends = await _ends(settings, *names)
        reader = kafka.reader(settings)
        await reader.start()
        found: dict[TopicPartition, list[Any]] = defaultdict(list)
        try:
            begins = await reader.beginning_offsets(list(ends))
            left = {place for place, end in ends.items() if begins[place] < end}
            reader.assign(list(left))
            for place in left:
                reader.seek(place, begins[place])
            while left:
                for place, records in (await reader.getmany(*left, timeout_ms=500)).items():
                    found[place] += records
                left = {p for p in left if not found[p] or found[p][-1].offset + 1 < ends[p]}
        finally:
            await reader.stop()
        made: dict[str, list[Record]] = {}
        for place in sorted(found):
            topic = place.topic.removeprefix(settings.topic_prefix)
            made.setdefault(topic, []).extend(
                Record(
                    Place(topic, place.partition, one.offset),
                    one.timestamp,
                    one.key,
                    one.value,
                    one.headers,
                )
                for one in found[place]
            )
        return made


async def _ends(settings: Settings, *names: str) -> dict[TopicPartition, int]:
    """Some thirty partitions at once: a broker that has much else to do may need another try."""
    for _ in range(4):
        try:
            return await log_ends(settings, *names)
        except TimeoutError:
            continue
    return await log_ends(settings, *names)
