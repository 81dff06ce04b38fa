"""The two agents of the conversations worker: webhooks to events, events to state."""

from collections.abc import Awaitable, Callable
from typing import Any

import faust

from schemas.topics import EVENTS, WEBHOOKS
from streams.agents.batches import BatchSchema
from streams.agents.normaliser import Normaliser
from streams.agents.outbox import Outbox
from streams.agents.partition import ConversationPartition
from streams.agents.state_table import StateTable
from streams.agents.working_set import WorkingSet
from streams.settings import Settings

OpenPartition = Callable[[int], Awaitable[ConversationPartition]]


def add_normaliser_agent(app: faust.App, settings: Settings, normaliser: Normaliser) -> None:
    """Acknowledged only after every event of the batch is durable."""
    topic = app.topic(settings.topic(WEBHOOKS), schema=BatchSchema())

    @app.agent(topic, name="normaliser", concurrency=1)
    async def normalise_webhooks(stream: Any) -> None:
        async for event in stream.noack().events():
            normaliser.handle(event.value)
            await normaliser.outbox.flush()
            await stream.ack(event)


def add_state_agent(
    app: faust.App,
    settings: Settings,
    table: StateTable,
    outbox: Outbox,
    open_partition: OpenPartition,
) -> None:
    """Derived events first, then the changelog, then the acknowledgement: a crash in between
    leaves the log ahead of the state, which catching up mends; never the state ahead of the log.
    """
    topic = app.topic(settings.topic(EVENTS), schema=BatchSchema())
    partitions: dict[int, ConversationPartition] = {}

    @app.on_partitions_assigned.connect
    async def forget_partitions(*_: Any, **__: Any) -> None:
        partitions.clear()

    @app.agent(topic, name="state", concurrency=1)
    async def keep_state(stream: Any) -> None:
        async for event in stream.noack().events():
            number = event.message.partition
            if number not in partitions:
                partitions[number] = await open_partition(number)
            states = WorkingSet(table)
            partitions[number].fold(event.value, states)
            await outbox.flush()
            changes = table.queue_changelog(states.changes(), outbox, number)
            await outbox.flush()
            table.apply(changes)
            await stream.ack(event)
