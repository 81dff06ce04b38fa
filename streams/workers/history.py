"""`dmstream worker history`: builds the sinks from settings."""

import asyncio
import random
from contextlib import AsyncExitStack

import faust
from aiokafka import TopicPartition

from schemas.topics import EVENTS, FAILURES
from sinks.archive import Archive, insert_until_acknowledged, refuse_if_ahead
from sinks.client import connect
from streams import kafka
from streams.agents.history import add_history_agent
from streams.agents.sink_partition import Insert, SinkPartition
from streams.settings import Settings
from streams.workers.app import make_app


async def history_app(settings: Settings, stack: AsyncExitStack) -> faust.App:
    """The app, with its ClickHouse client and reader started and put on the stack."""
    log = await kafka.log_id(settings)
    prober = kafka.reader(settings)
    await prober.start()
    stack.push_async_callback(prober.stop)
    topics = frozenset({settings.topic(EVENTS), settings.topic(FAILURES)})
    archives = {
        settings.topic(EVENTS): Archive.of_events(client, log=log, topic=settings.topic(EVENTS)),
        settings.topic(FAILURES): Archive.of_failures(...),
    }
    app = make_app(settings, "history", topics)
    return app
