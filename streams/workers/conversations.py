"""`dmstream worker conversations`: builds the normaliser and the state from settings."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import faust
from aiokafka import TopicPartition

from schemas.topics import COMMANDS, EVENTS, WEBHOOKS
from streams import kafka
from streams.accounts import AccountDirectory
from streams.agents.batches import BATCH_LIMIT
from streams.agents.conversations import StateKeeper, add_normaliser_agent, add_state_agent
from streams.agents.normaliser import Normaliser
from streams.agents.outbox import Outbox
from streams.agents.partition import ConversationPartition
from streams.agents.portion import Portion
from streams.agents.rules import rules_of
from streams.agents.state_table import StateTable
from streams.log_positions import ends_now
from streams.settings import Settings
from streams.workers.agreed import agreed
from streams.workers.app import make_app, session_seconds
from streams.workers.monitor import watch


async def conversations_app(settings: Settings, stack: AsyncExitStack) -> faust.App:
    """The app, with its producer and readers started and put on the stack."""
    settings = await agreed(settings)
    log = await kafka.log_id(settings)
    producer = kafka.producer(settings)
    await producer.start()
    stack.push_async_callback(producer.stop)
    directory = AccountDirectory(settings)
    await directory.start()
    stack.push_async_callback(directory.stop)
    # It asks for offsets, and joins no group: it is never subscribed.
    prober = kafka.reader(settings, group=settings.topic("dmstream-conversations"))
    await prober.start()
    stack.push_async_callback(prober.stop)

    portion = Portion(session_seconds(settings))
    app = make_app(
        settings,
        "conversations",
        frozenset(settings.topic(name) for name in (WEBHOOKS, EVENTS, COMMANDS)),
        lambda: min(BATCH_LIMIT, portion.records),
        work_first_ms=kafka.EMBEDDED_WORK_FIRST_MS,
    )
    outbox = Outbox(producer, partitions=settings.partitions)
    rules = rules_of(settings)

    async def end_of_events(number: int) -> int:
        place = TopicPartition(settings.topic(EVENTS), number)
        return (await ends_now(settings, prober, [place]))[place]

    async def open_partition(number: int) -> ConversationPartition:
        end = await end_of_events(number)
        position = await prober.committed(TopicPartition(settings.topic(EVENTS), number)) or 0
        return ConversationPartition(
            settings, rules, outbox, log, _now, position=position, catch_up_to=end
        )

    table = StateTable(app, "state", settings)
    normaliser = Normaliser(
        settings, directory, Outbox(producer, partitions=settings.partitions), log, _now
    )
    add_normaliser_agent(app, settings, normaliser)
    add_state_agent(
        app,
        settings,
        StateKeeper(
            table=table,
            outbox=outbox,
            open_partition=open_partition,
            end_of_events=end_of_events,
            commands=settings.topic(COMMANDS),
            lease_seconds=session_seconds(settings),
        ),
        portion,
    )
    watch(app, settings, "conversations", stack)
    return app


def _now() -> datetime:
    return datetime.now(UTC)
