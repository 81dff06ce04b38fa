"""`dmstream worker history`: builds the archive's writers from settings."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import faust
import structlog
from aiokafka import TopicPartition
from clickhouse_connect.driver.client import Client

from schemas.topics import EVENTS, FAILURES, HOOK_DELIVERIES
from sinks import facts
from sinks.archive import (
    Archive,
    LogRecord,
    Packed,
    insert_until_acknowledged,
    refuse_if_ahead,
    until_available,
)
from sinks.clickhouse import connect_with
from sinks.errors import ArchiveUnavailable
from sinks.standing import standing
from streams import kafka
from streams.agents.computing import keep_computed
from streams.agents.history import ARCHIVED, add_history_agent
from streams.agents.sink import Sink
from streams.agents.standing import keep_told
from streams.log_positions import ends_now
from streams.monitoring import metrics, traces
from streams.monitoring.troubles import trouble
from streams.settings import Settings
from streams.workers.agreed import agreed
from streams.workers.app import make_app
from streams.workers.archive_client import connected
from streams.workers.monitor import watch

log = structlog.get_logger()


async def history_app(settings: Settings, stack: AsyncExitStack) -> faust.App:
    """The app, with its ClickHouse client and reader started and put on the stack. While it waits
    for ClickHouse it answers for itself, and is in no group yet."""
    settings = await agreed(settings)
    incarnation = await kafka.log_id(settings)
    app = make_app(settings, "history", frozenset(map(settings.topic, ARCHIVED)))
    getting_ready = watch(app, settings, "history", stack)
    with getting_ready.waiting_for(f"ClickHouse at {_address(settings)} (DM_CLICKHOUSE_URL)"):
        client = await _archive_client(settings, stack)
        computing_client = await _archive_client(settings, stack, connections=2)
    events, failures = settings.topic(EVENTS), settings.topic(FAILURES)
    deliveries = settings.topic(HOOK_DELIVERIES)
    database = settings.clickhouse_database
    archives = {
        events: Archive(client, log=incarnation, topic=events, database=database),
        failures: Archive(
            client, log=incarnation, topic=failures, kind="failures", database=database
        ),
        deliveries: Archive(
            client, log=incarnation, topic=deliveries, kind="deliveries", database=database
        ),
    }
    prober = kafka.reader(settings)
    await prober.start()
    stack.push_async_callback(prober.stop)

    async def mark_of(topic: str, partition: int) -> int | None:
        archive = archives[topic]

        async def mark_now() -> int | None:
            await archive.finish_erasures()
            return await archive.high_water_mark(partition)

        # A partition may come while ClickHouse is away: that is no reason to end either.
        mark = await until_available(
            mark_now,
            sleep=asyncio.sleep,
            on_trouble=_telling(topic),
            jitter=random.Random(),  # noqa: S311 - spreads waits; nothing secret
        )
        place = TopicPartition(topic, partition)
        ends = await ends_now(settings, prober, [place])
        refuse_if_ahead(mark, ends[place], topic=topic, partition=partition)
        return mark

    def open_sink(topic: str) -> Sink:
        writer = PatientWriter(archives[topic], topic)
        return Sink(writer, on_failure=lambda error: _crash(app, error))

    is_behind = add_history_agent(app, settings, open_sink, mark_of)
    _compute_facts(settings, computing_client, is_behind, stack)
    return app


async def _archive_client(
    settings: Settings, stack: AsyncExitStack, *, connections: int = 8
) -> Client:
    client = await connected(
        lambda: connect_with(settings, connections=connections), address=_address(settings)
    )
    stack.callback(client.close)
    return client


def _address(settings: Settings) -> str:
    """For people: never the password that may stand in front of it."""
    return settings.clickhouse_url.rpartition("@")[2]


def _compute_facts(
    settings: Settings, client: Client, is_behind: Callable[[], bool], stack: AsyncExitStack
) -> None:
    """The client is its own, so that no insert waits for it. Each worker does it: two that meet do
    the same work twice, and whichever dies, another goes on."""
    refresh = partial(facts.refresh_beside_readers, client, database=settings.clickhouse_database)
    computing = asyncio.create_task(keep_computed(refresh, is_behind=is_behind))
    stack.callback(computing.cancel)
    ask = partial(standing, client, database=settings.clickhouse_database)
    telling = asyncio.create_task(keep_told(ask))
    stack.callback(telling.cancel)


class PatientWriter:
    """An archive whose inserts wait trouble out, and are measured."""

    def __init__(self, archive: Archive, topic: str) -> None:
        self._archive = archive
        self._topic = topic
        self._jitter = random.Random()  # noqa: S311 - spreads waits; nothing secret

    async def pack(self, records: Sequence[LogRecord]) -> Packed:
        return await self._archive.pack(records)

    async def insert(self, packed: Packed) -> None:
        topic, records = self._topic, packed.records
        began = time.time_ns()
        with metrics.INSERT_SECONDS.labels(topic).time():
            await insert_until_acknowledged(
                self._archive,
                packed,
                sleep=asyncio.sleep,
                on_trouble=_telling(topic),
                jitter=self._jitter,
            )
        traces.inserted(records, began, time.time_ns(), topic=topic)
        metrics.INSERT_ROWS.labels(topic).observe(len(records))
        metrics.ARCHIVE_DELAY_SECONDS.labels(topic).observe(
            max(0.0, time.time() - records[-1].timestamp_ms / 1000)
        )


def _telling(topic: str) -> Callable[[ArchiveUnavailable, int, float], None]:
    def waited_out(error: ArchiveUnavailable, attempt: int, wait: float) -> None:
        trouble("ClickHouse")
        log.warning(
            "archive_unavailable", topic=topic, error=str(error),
            attempt=attempt, retry_in_seconds=round(wait, 2),
        )  # fmt: skip

    return waited_out


def _crash(app: faust.App, error: BaseException) -> None:
    log.error("history_stopped", error=type(error).__name__, sentence=str(error))
    asyncio.get_running_loop().create_task(app.crash(error))
