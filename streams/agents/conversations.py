"""The two agents of the conversations worker: webhooks to events; events and commands to state."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import faust

from schemas.topics import COMMANDS, EVENTS, WEBHOOKS
from streams.agents.batches import BatchSchema
from streams.agents.deciding import Deciding
from streams.agents.forgetting import Forgetting
from streams.agents.gathering import gathered
from streams.agents.normaliser import Normaliser
from streams.agents.outbox import Outbox
from streams.agents.partition import ConversationPartition
from streams.agents.portion import Portion
from streams.agents.state_table import StateTable
from streams.agents.working_set import WorkingSet
from streams.settings import Settings

OpenPartition = Callable[[int], Awaitable[ConversationPartition]]
EndOfEvents = Callable[[int], Awaitable[int]]
"""The offset after the last record of `dm.events.v1` in a partition."""


def add_normaliser_agent(app: faust.App, settings: Settings, normaliser: Normaliser) -> None:
    """Acknowledged only after every event of the batches is durable."""
    topic = app.topic(settings.topic(WEBHOOKS), schema=BatchSchema())

    @app.agent(topic, name="normaliser", concurrency=1)
    async def normalise_webhooks(stream: Any) -> None:
        async for batches in gathered(stream.noack().events()):
            for batch in batches:
                normaliser.handle(batch.value)
            await normaliser.outbox.flush()
            for batch in batches:
                await stream.ack(batch)


def add_state_agent(
    app: faust.App, settings: Settings, keeper: "StateKeeper", portion: Portion
) -> None:
    """Both topics in one stream: one order per profile, one process that decides."""
    commands = settings.topic(COMMANDS)
    topic = app.topic(settings.topic(EVENTS), commands, schema=BatchSchema())

    @app.on_partitions_assigned.connect
    async def forget_partitions(*_: Any, **__: Any) -> None:
        keeper.forget()

    @app.agent(topic, name="state", concurrency=1)
    async def keep_state(stream: Any) -> None:
        async for batches in gathered(stream.noack().events(), lambda: portion.records):
            # What came before a rebalance comes again, here or to the partition's next owner.
            current = [b for b in batches if b.message.generation_id == app.consumer_generation_id]
            count, began = sum(len(batch.value) for batch in current), time.monotonic()
            for done in await keeper.take(current):
                await stream.ack(done)
            portion.took(count, time.monotonic() - began)


class LeaseOverError(RuntimeError):
    """The batch took longer than the session: another worker may own the partition by now."""


@dataclass(slots=True)
class Work:
    """What the batches of one partition that came together lead to."""

    partition: ConversationPartition
    states: WorkingSet
    done: list[Any] = field(default_factory=list)
    """In the order to acknowledge."""


@dataclass(slots=True)
class StateKeeper:
    """Works on whole batches, of all partitions that have some at the time: two requests to the
    broker for all. Events first, then the changelog and what is handed on, then (by the caller) the
    acknowledgement: a crash in between leaves the log ahead of the state, which catching up mends;
    never the state ahead of the log.
    """

    table: StateTable
    outbox: Outbox
    open_partition: OpenPartition
    end_of_events: EndOfEvents
    commands: str
    """Topic of the commands; all other batches are events."""
    lease_seconds: float
    """The group's session: a worker that was stopped longer (SIGSTOP, a frozen machine) must not
    write to the changelog, where the last write wins."""
    monotonic: Callable[[], float] = time.monotonic
    forgetting: Forgetting = field(init=False)
    _partitions: dict[int, ConversationPartition] = field(default_factory=dict)
    _held: dict[int, list[tuple[Any, int]]] = field(default_factory=dict)
    """Batches of commands, and the end of the events when each was read: what a caller may have
    seen before they wrote is folded before it is decided."""

    _folded: dict[int, deque[tuple[Any, int]]] = field(default_factory=dict)
    """Batches of events that are not acknowledged, and the last offset of each: while a partition
    catches up, something may be owed for a record until much later ones are read."""

    def __post_init__(self) -> None:
        self.forgetting = Forgetting(self.table)

    def forget(self) -> None:
        """Partitions were assigned anew: what was held is read again."""
        self.forgetting.forget()
        self._partitions.clear()
        self._held.clear()
        self._folded.clear()

    async def take(self, batches: Sequence[Any]) -> list[Any]:
        """Folds batches of events, decides those of commands once the events before them are
        folded. Returns the batches that are done, in the order to acknowledge.

        Raises LeaseOverError: the process ends, and starts again from what was acknowledged.
        """
        taken_at = self.monotonic()
        works: dict[int, Work] = {}
        for batch in batches:
            work = await self._work(works, batch.message.partition)
            if batch.message.topic == self.commands:
                await self._hold(batch)
            else:
                self._fold(batch, work)
            self._decide_held(batch.message.partition, work)
        await self.outbox.flush()
        self._check_lease(taken_at, batches)
        changes = []
        for number, work in works.items():
            work.partition.hand_on()
            forgotten = self.forgetting.due(number, work.partition.log_time)
            changed = (*forgotten, *work.states.changes())
            changes.append(self.table.queue_changelog(changed, self.outbox, number))
        await self.outbox.flush()
        for change in changes:
            self.table.apply(change)
        return [batch for work in works.values() for batch in work.done]

    def _fold(self, batch: Any, work: Work) -> None:
        records, partition = batch.value, work.partition
        folded = self._folded.setdefault(batch.message.partition, deque())
        folded.append((batch, records[-1].offset))
        partition.fold(records, work.states)
        records.clear()  # what is not acknowledged for long holds no memory
        while folded and folded[0][1] < partition.settled_to:
            work.done.append(folded.popleft()[0])

    async def _hold(self, batch: Any) -> None:
        number = batch.message.partition
        end = await self.end_of_events(number)
        self._held.setdefault(number, []).append((batch, end))

    def _decide_held(self, number: int, work: Work) -> None:
        held, partition = self._held.get(number, []), work.partition
        while held and partition.is_caught_up and partition.position >= held[0][1]:
            batch = held.pop(0)[0]
            Deciding(partition, work.states).decide(batch.value)
            work.done.append(batch)

    def _check_lease(self, taken_at: float, batches: Sequence[Any]) -> None:
        if self.monotonic() - taken_at > self.lease_seconds:
            places = ", ".join(
                sorted({f"{batch.message.topic}/{batch.message.partition}" for batch in batches})
            )
            raise LeaseOverError(
                f"batches of {places} took longer than the session of {self.lease_seconds:g} s: "
                "starting anew, since another worker may own them now"
            )

    async def _work(self, works: dict[int, Work], number: int) -> Work:
        if number not in self._partitions:
            self._partitions[number] = await self.open_partition(number)
        if number not in works:
            works[number] = Work(self._partitions[number], WorkingSet(self.table))
        return works[number]
