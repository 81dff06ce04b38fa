"""The two agents of the conversations worker: webhooks to events; events and commands to state."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import faust

from schemas.topics import COMMANDS, EVENTS, WEBHOOKS
from streams.agents.batches import BatchSchema
from streams.agents.deciding import Deciding
from streams.agents.normaliser import Normaliser
from streams.agents.outbox import Outbox
from streams.agents.partition import ConversationPartition
from streams.agents.state_table import StateTable
from streams.agents.working_set import WorkingSet
from streams.settings import Settings

OpenPartition = Callable[[int], Awaitable[ConversationPartition]]
EndOfEvents = Callable[[int], Awaitable[int]]
"""The offset after the last record of `dm.events.v1` in a partition."""


def add_normaliser_agent(app: faust.App, settings: Settings, normaliser: Normaliser) -> None:
    """Acknowledged only after every event of the batch is durable."""
    topic = app.topic(settings.topic(WEBHOOKS), schema=BatchSchema())

    @app.agent(topic, name="normaliser", concurrency=1)
    async def normalise_webhooks(stream: Any) -> None:
        async for batch in stream.noack().events():
            normaliser.handle(batch.value)
            await normaliser.outbox.flush()
            await stream.ack(batch)


def add_state_agent(app: faust.App, settings: Settings, keeper: "StateKeeper") -> None:
    """Both topics in one stream: one order per profile, one process that decides."""
    commands = settings.topic(COMMANDS)
    topic = app.topic(settings.topic(EVENTS), commands, schema=BatchSchema())

    @app.on_partitions_assigned.connect
    async def forget_partitions(*_: Any, **__: Any) -> None:
        keeper.forget()

    @app.agent(topic, name="state", concurrency=1)
    async def keep_state(stream: Any) -> None:
        async for batch in stream.noack().events():
            if batch.message.topic == commands:
                done = await keeper.take_commands(batch)
            else:
                done = await keeper.take_events(batch)
            for finished in done:
                await stream.ack(finished)


_AUTOMATIC = b'"origin":"auto"'
"""In a command as JSON. A text that quotes it has a backslash before each mark."""


class LeaseOverError(RuntimeError):
    """The batch took longer than the session: another worker may own the partition by now."""


@dataclass(slots=True)
class StateKeeper:
    """Works on whole batches. Events first, then the changelog and what is handed on, then (by the
    caller) the acknowledgement: a crash in between leaves the log ahead of the state, which
    catching up mends; never the state ahead of the log.
    """

    table: StateTable
    outbox: Outbox
    open_partition: OpenPartition
    end_of_events: EndOfEvents
    lease_seconds: float
    """The group's session: a worker that was stopped longer (SIGSTOP, a frozen machine) must not
    write to the changelog, where the last write wins."""
    monotonic: Callable[[], float] = time.monotonic
    _partitions: dict[int, ConversationPartition] = field(default_factory=dict)
    _held: dict[int, list[tuple[Any, int]]] = field(default_factory=dict)
    """Batches of commands, and the end of the events when each was read: what a caller may have
    seen before they wrote is folded before it is decided."""

    def forget(self) -> None:
        """Partitions were assigned anew: what was held is read again."""
        self._partitions.clear()
        self._held.clear()

    async def take_events(self, batch: Any) -> list[Any]:
        """Folds a batch. Returns the batches that are done, in the order to acknowledge."""
        taken_at = self.monotonic()
        partition = await self._partition(batch)
        states = WorkingSet(self.table)
        partition.fold(batch.value, states)
        await self.outbox.flush()
        await self._keep(states, batch, taken_at)
        return [batch, *await self._decide_held(partition, batch)]

    async def take_commands(self, batch: Any) -> list[Any]:
        """Decides a batch, or holds it until the events before it are folded."""
        partition = await self._partition(batch)
        number = batch.message.partition
        # An automatic answer was written by a worker that had folded the message it answers.
        own = all(_AUTOMATIC in (record.value or b"") for record in batch.value)
        end = 0 if own else await self.end_of_events(number)
        self._held.setdefault(number, []).append((batch, end))
        return await self._decide_held(partition, batch)

    async def _decide_held(self, partition: ConversationPartition, batch: Any) -> list[Any]:
        held, done = self._held.get(batch.message.partition, []), []
        while held and partition.is_caught_up and partition.position >= held[0][1]:
            waiting = held.pop(0)[0]
            taken_at = self.monotonic()
            states = WorkingSet(self.table)
            deciding = Deciding(partition, states)
            deciding.decide(waiting.value)
            await self.outbox.flush()
            deciding.hand_on()
            await self._keep(states, waiting, taken_at)
            done.append(waiting)
        return done

    async def _keep(self, states: WorkingSet, batch: Any, taken_at: float) -> None:
        """Raises LeaseOverError: the process ends, and starts again from what was acknowledged."""
        number = batch.message.partition
        if self.monotonic() - taken_at > self.lease_seconds:
            raise LeaseOverError(
                f"a batch of {batch.message.topic}/{number} took longer than the session of "
                f"{self.lease_seconds:g} s: starting anew, since another worker may own it now"
            )
        changes = self.table.queue_changelog(states.changes(), self.outbox, number)
        await self.outbox.flush()
        self.table.apply(changes)

    async def _partition(self, batch: Any) -> ConversationPartition:
        number = batch.message.partition
        if number not in self._partitions:
            self._partitions[number] = await self.open_partition(number)
        return self._partitions[number]
