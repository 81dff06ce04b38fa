"""Rows 4 and 5: the history worker against bare inserts of the same rows, and against Quix Streams.

By the clock, since everyone waits for ClickHouse: broker, sender, worker and ClickHouse share the
two cores, in the bare inserts only one process and ClickHouse do. Each row is in both tables. The
lot ends when the last row can be read. Both tables' contents are compared after each round.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from pathlib import Path
from subprocess import Popen

from clickhouse_connect.driver.client import Client
from rich.progress import Progress

from bench import events, lots
from bench.harness import Group, Outcome, Sample, Scale, Side, alternate, compared
from bench.processes import (
    broker,
    clickhouse,
    peer,
    processor_seconds,
    wait_until_ready,
    worker,
)
from schemas.topics import EVENTS
from sinks.clickhouse import connect
from sinks.migrate import analytics_database, apply
from sinks.rows import EVENT_LOG, LogRecord, event_columns
from sinks.rows import EVENTS as EVENTS_TABLE
from streams import kafka
from streams.partitions import partition_of
from streams.settings import Settings

PARTITIONS = 8
WARM_UP = 10_000
OURS, READY, QUIX = "dmstream", "clickhouse-connect, columns ready", "Quix Streams, batching sink"
_MEASURED = "rows a second, by the clock"
_PATIENCE_SECONDS = 120
BATCH = 25_000
"""Rows of one bare insert: within the 10,000 to 100,000 that ClickHouse recommends."""
LOOK_SECONDS = 0.2
"""Between two looks for the number of rows: each costs ClickHouse some milliseconds."""
_numbers = count()

Fingerprints = dict[str, tuple[int, ...]]


class Place:
    """A database and topics of one round's own."""

    def __init__(self, settings: Settings, client: Client) -> None:
        name = f"a{next(_numbers)}"
        self.settings = settings.model_copy(
            update={"topic_prefix": f"{name}.", "clickhouse_database": f"bench_{name}"}
        )
        self.database = self.settings.clickhouse_database
        self.client = client
        apply(client, database=self.database)
        asyncio.run(kafka.ensure_topics(self.settings))

    def rows(self) -> int:
        asked = f"SELECT count() FROM {self.database}.event_log"
        return int(self.client.query(asked).result_rows[0][0])

    def wait_for(self, rows: int) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.rows() < rows:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.rows():,} of {rows:,} rows came: see the worker's log")
            time.sleep(LOOK_SECONDS)

    def fingerprints(self) -> Fingerprints:
        """Of both tables' contents, without what names the run."""
        found = {}
        for columns in (EVENTS_TABLE, EVENT_LOG):
            names = ", ".join(name for name in columns.names if name not in {"_log", "_topic"})
            found[columns.table] = tuple(
                self.client.query(
                    f"SELECT count(), sum(cityHash64({names}))"
                    f" FROM {self.database}.{columns.table} FINAL"
                ).result_rows[0]
            )
        return found

    def drop(self) -> None:
        self.client.command(f"DROP DATABASE {self.database}")
        self.client.command(f"DROP DATABASE {analytics_database(self.database)}")


class Comparison:
    def __init__(self, settings: Settings, client: Client, peers: str, scale: Scale) -> None:
        self._settings, self._client, self._peers = settings, client, peers
        self._total = WARM_UP + scale.events
        self._seen: Fingerprints | None = None

    def by_process(self, side: str, _round: int) -> Sample:
        place = Place(self._settings, self._client)
        with self._running(place.settings, side) as child:
            made = events.records(self._total)
            lots.Lot(place.settings, EVENTS, islice(made, WARM_UP)).send()
            place.wait_for(WARM_UP)
            lot = lots.Lot(place.settings, EVENTS, made)
            started, used = time.monotonic(), processor_seconds(child)
            lot.send()
            place.wait_for(self._total)
            seconds = time.monotonic() - started
            used = processor_seconds(child) - used
        self._compare(side, place)
        return Sample(self._total - WARM_UP, seconds, used)

    def ready(self, _round: int) -> Sample:
        """What a client can do that has nothing to do: the columns are made before the clock."""
        place = Place(self._settings, self._client)
        batches = [
            event_columns("ready", EVENTS, records) for records in _ranges(self._total, PARTITIONS)
        ]
        started, used = time.monotonic(), time.process_time()
        for logged, happened in batches:
            for columns, cells in ((EVENTS_TABLE, happened), (EVENT_LOG, logged)):
                self._client.insert(
                    f"{place.database}.{columns.table}",
                    cells,
                    column_names=columns.names,
                    column_type_names=columns.types,
                    column_oriented=True,
                    settings={"async_insert": 0},
                )
        place.wait_for(self._total)
        sample = Sample(self._total, time.monotonic() - started, time.process_time() - used)
        self._compare(READY, place)
        return sample

    @contextmanager
    def _running(self, settings: Settings, side: str) -> "Iterator[Popen[bytes]]":
        if side == OURS:
            with worker(settings, "history") as child:
                wait_until_ready(settings, "history", child, 60)
                yield child
        else:
            with peer(self._peers, settings, "quix_sink") as child:
                yield child

    def _compare(self, side: str, place: Place) -> None:
        found = place.fingerprints()
        place.drop()
        self._seen = self._seen or found
        if found != self._seen:
            raise SystemExit(f"{side} brought other rows than the side before: {found}")


def _ranges(total: int, partitions: int) -> Iterator[list[LogRecord]]:
    """The records as the log has them, partition by partition, in batches."""
    logged: dict[int, list[LogRecord]] = {}
    for one in events.records(total):
        number = partition_of(one.key, partitions)
        ranged = logged.setdefault(number, [])
        ranged.append(LogRecord(number, len(ranged), one.timestamp_ms or 0, one.key, one.value, ()))
    for ranged in logged.values():
        for start in range(0, len(ranged), BATCH):
            yield ranged[start : start + BATCH]


def measure(scale: Scale, peers: str, progress: Progress) -> list[Outcome]:
    with broker(PARTITIONS) as bare, clickhouse(Path(bare.data_dir)) as (url, _):
        settings = bare.model_copy(update={"clickhouse_url": url})
        comparison = Comparison(settings, connect(url), peers, scale)
        rounds: dict[str, Callable[[int], Sample]] = {
            OURS: partial(comparison.by_process, OURS),
            READY: comparison.ready,
            QUIX: partial(comparison.by_process, QUIX),
        }
        sides = [Side(name, run) for name, run in rounds.items()]
        samples = alternate(sides, scale.rounds, progress, "archive")
    what = "history worker: events into ClickHouse"
    goals = {4: (READY, 0.6), 5: (QUIX, 1.5)}
    return [
        compared(row, what, (OURS, name), samples, lambda one: one.per_second, _MEASURED, goal)
        for row, (name, goal) in goals.items()
    ]


GROUP = Group("archive", (4, 5), measure, quick=True)
