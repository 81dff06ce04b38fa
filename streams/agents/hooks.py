"""The webhooks worker: every subscription of its partitions, told of its profile's events in order.

A batch of the stream is acknowledged as soon as the lanes have seen it: what was delivered is told
by each lane's own durable cursor, and what lies behind a cursor is read from the log again. So the
committed offset holds nothing back, and a dead receiver holds up nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import faust
import structlog

from schemas.hooks import Attempt, HookRecord
from schemas.topics import EVENTS
from streams.agents.batches import BatchSchema
from streams.agents.counting import count_hook
from streams.agents.hook_cursors import HookCursors
from streams.agents.hook_lane import Cursor, Lane, Schedule, milliseconds
from streams.agents.hook_outcomes import HookOutcomes
from streams.agents.hook_partition import HookPartition, Read
from streams.hooks.directory import signing_secrets
from streams.hooks.posting import Reply
from streams.hooks.signing import headers
from streams.partitions import partition_of
from streams.settings import Settings

_log = structlog.get_logger()

Post = Callable[[str, bytes, dict[str, str]], Awaitable[Reply]]

SAVE_SECONDS = 0.2
"""What a kill tells again."""
MOST_FAILING = 100
"""Requests at once to receivers whose last attempt failed: they may hang until their time is out,
and must not take the connections of those that work."""
MOST_WORKING = 1_000


def add_hook_agent(app: faust.App, settings: Settings, hooks: "Hooks") -> None:
    events = app.topic(settings.topic(EVENTS), schema=BatchSchema())

    @app.on_rebalance_complete.connect
    async def open_partitions(*_: Any, **__: Any) -> None:
        """After the cursors are recovered."""
        await hooks.open({tp.partition for tp in app.consumer.assignment() if tp.topic == name})

    @app.on_partitions_revoked.connect
    async def close_partitions(*_: Any, **__: Any) -> None:
        await hooks.close()

    name = settings.topic(EVENTS)

    @app.agent(events, name="webhooks", concurrency=1)
    async def tell(stream: Any) -> None:
        async for batch in stream.noack().events():
            hooks.take(batch.message.partition, batch.value)
            await stream.ack(batch)


@dataclass(slots=True)
class Hooks:
    settings: Settings
    cursors: HookCursors
    outcomes: HookOutcomes
    log: str
    schedule: Schedule
    post: Post
    read: Read
    end_of: Callable[[int], Awaitable[int]]
    known: Callable[[], Sequence[HookRecord]]
    """All subscriptions."""
    crash: Callable[[BaseException], Awaitable[None]]
    clock: Callable[[], datetime]
    _partitions: dict[int, HookPartition] = field(default_factory=dict)
    _saving: "asyncio.Task[None] | None" = None
    _working: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_WORKING))
    _failing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_FAILING))

    async def open(self, numbers: set[int]) -> None:
        """What this worker owns now."""
        await self.close()
        for number in sorted(numbers):
            end = await self.end_of(number)
            partition = HookPartition(
                number, end, self.log, self.read, self._deliver, self._replayed
            )
            self._partitions[number] = partition
            partition.start().add_done_callback(self._ended)
        self.adopt(self.known())
        self._saving = asyncio.create_task(self._save_often())
        self._saving.add_done_callback(self._ended)

    async def close(self) -> None:
        """For a rebalance and at the end."""
        partitions, self._partitions = list(self._partitions.values()), {}
        await asyncio.gather(*(partition.stop() for partition in partitions))
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
            self._saving = None
        for partition in partitions:
            for lane in partition.lanes.values():
                self.cursors.moved(partition.number, lane)
        await self.cursors.save()

    def adopt(self, hooks: Sequence[HookRecord]) -> None:
        """Subscriptions as they are now; those of others' partitions are passed over."""
        by_id = {hook.hook_id: hook for hook in hooks}
        for hook in hooks:
            number = partition_of(hook.profileid.encode(), self.settings.partitions)
            partition = self._partitions.get(number)
            if partition is not None:
                current = hook if hook.replay is None else _as_its_own(hook, by_id)
                partition.adopt(current, self.cursors.known(hook, partition))

    def take(self, number: int, records: Sequence[Any]) -> None:
        partition = self._partitions.get(number)
        if partition is not None:  # else it opens in a moment, and reads the log itself
            partition.take(records)

    async def _deliver(self, partition: HookPartition, lane: Lane) -> None:
        try:
            while lane.pending and lane.hook.is_working and not partition.closing:
                await self._wait_until(lane.cursor.not_before)
                lane.is_attempting = True
                await self._attempt(partition, lane)
                lane.is_attempting = False
                if lane.is_hungry and lane.position < partition.end:
                    partition.wake()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self.crash(error)
            raise
        finally:
            lane.delivering = None
            lane.is_attempting = False
        if lane.is_over:
            self._replayed(partition, lane)

    def _replayed(self, partition: HookPartition, lane: Lane) -> None:
        self.outcomes.end_replay(lane)
        partition.adopt(lane.hook, None)

    async def _attempt(self, partition: HookPartition, lane: Lane) -> None:
        head, hook, attempt = lane.pending[0], lane.hook, lane.cursor.attempts + 1
        gate = self._working if lane.cursor.failing_since is None else self._failing
        async with gate:
            at = self.clock()
            signed = headers(
                signing_secrets(hook, at),
                event_id=head.event_id,
                attempt=attempt,
                at=int(at.timestamp()),
                body=head.body,
                replay_id=hook.hook_id if hook.replay is not None else None,
            )
            reply = await self.post(hook.url, head.body, signed)
        head = lane.pending[0]  # its correspondent may have been erased meanwhile
        began = milliseconds(at)
        if reply.is_taken:
            lane.taken()
            outcome: Attempt = "delivered"
        else:
            outcome = self._refused(lane, reply, began)
        self.outcomes.tell(head, lane, reply, attempt=attempt, at=at, outcome=outcome)
        if outcome in {"given_up", "disabled"}:
            self.outcomes.fail(head, lane, outcome, partition.number)
        if outcome == "disabled":
            self.outcomes.disable(lane, reply)
        self.cursors.moved(partition.number, lane)
        count_hook(outcome, reply.milliseconds)

    def _refused(self, lane: Lane, reply: Reply, began: int) -> Attempt:
        now = milliseconds(self.clock())
        attempts = lane.cursor.attempts + 1
        lane.refused(began, now + self.schedule.wait_ms(attempts, reply.retry_after))
        step = self.schedule.step(lane.cursor, reply.status, now)
        if step == "disable":
            # Registered again, it begins with this event, at once.
            lane.cursor = Cursor(lane.cursor.offset)
            return "disabled"
        if step == "give_up":
            lane.given_up()
            return "given_up"
        return "failed"

    async def _wait_until(self, instant: int) -> None:
        left = instant - milliseconds(self.clock())
        if left > 0:
            await asyncio.sleep(left / 1000)

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            for partition in self._partitions.values():
                for lane in partition.idle_progress():
                    self.cursors.moved(partition.number, lane)
            await self.cursors.save()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("webhooks_stopped", error=type(error).__name__)
            self._crashing = asyncio.get_running_loop().create_task(self._crash(error))

    async def _crash(self, error: BaseException) -> None:
        await self.crash(error)

    _crashing: "asyncio.Task[None] | None" = None


def _as_its_own(replay: HookRecord, known: Mapping[str, HookRecord]) -> HookRecord:
    """A replay, signed as its subscription is now; it ends with it."""
    own = known.get(replay.subscription)
    if own is None or not own.is_working:
        return replay.model_copy(update={"deleted_at": replay.deleted_at or replay.updated_at})
    secrets = ("secret", "previous_secret", "previous_until")
    return replay.model_copy(update={name: getattr(own, name) for name in secrets})
