"""An archive is migrated while a history worker writes to it: nothing is lost, nothing doubled."""

import asyncio
import threading
import uuid
from collections.abc import Callable

import pytest
from clickhouse_connect.driver.client import Client

from schemas.envelope import Envelope
from sinks import facts, migrate
from sinks.archive import Archive, LogRecord
from tests.conftest import ClickHouse
from tests.pipeline.metric_histories import NOW, History
from tests.pipeline.metric_model import MODELS
from tests.pipeline.metric_model.profile import Profile
from tests.pipeline.test_metrics_are_exact import as_set, put, rows_of

pytestmark = pytest.mark.pipeline

SMALL = 3
"""Records an insert: many parts, which are merged while the table is swapped."""


@pytest.fixture(scope="module")
def client(embedded_clickhouse: ClickHouse) -> Client:
    return embedded_clickhouse.connect()


class Writer(threading.Thread):
    """Does something again and again until it is told to stop; fails as loudly as it may."""

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__()
        self._step = step
        self._over = threading.Event()
        self.error: Exception | None = None
        self.done = 0

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - the test shows it
                self.error = error
                return
            self.done += 1
            self._over.wait(0.01)

    def stop(self) -> None:
        self._over.set()
        self.join()


class HistoryWorker:
    """Inserts the histories' events over and over, as a worker with a partition does: a copy comes
    again with the next offsets, so that the writing never ends before the migration."""

    def __init__(self, client: Client, database: str, told: list[Envelope]) -> None:
        self._client, self._database = client, database
        self._archive = Archive(client, log="one", topic="dm.events.v1", database=database)
        self._told = told
        self.next = 0

    def put(self, most: int = SMALL) -> None:
        records = [
            LogRecord(
                0,
                offset,
                1_700_000_000_000,
                b"k",
                self._told[offset % len(self._told)].to_json(),
                (),
            )
            for offset in range(self.next, self.next + most)
        ]
        asyncio.run(self._archive.write(records))
        self.next += most


def refresh_as_before_0017(client: Client, database: str) -> None:
    """What the worker of an older version does every two seconds."""
    parts = client.query(
        "SELECT name FROM system.parts WHERE active AND table = 'touched'"
        " AND database = {database:String}",
        parameters={"database": database},
    ).result_rows
    names = ", ".join(
        name
        for (name,) in client.query(
            "SELECT name FROM system.columns WHERE database = {database:String}"
            " AND table = 'conversation_facts'",
            parameters={"database": database},
        ).result_rows
    )
    if not names:
        return
    for (part,) in parts:
        client.command(
            f"INSERT INTO {database}.conversation_facts ({names})"
            f" SELECT {names} FROM {database}.computed_facts WHERE (profile_id, conversation_id)"
            f" IN (SELECT profile_id, conversation_id FROM {database}.touched"
            f" WHERE _part = '{part}')"
        )
        client.command(f"ALTER TABLE {database}.touched DROP PART '{part}'")


def test_a_worker_of_the_old_version_that_writes_meanwhile_loses_and_doubles_nothing(
    embedded_clickhouse: ClickHouse, client: Client
) -> None:
    database = f"t{uuid.uuid4().hex[:10]}"
    defaults = migrate.business_defaults(monthly_limit=100, month_zone="UTC")
    before = [m for m in migrate.migrations() if m.name < "0017"]
    migrate.apply(client, database=database, defaults=defaults, files=before)
    histories = [History(9000 + number) for number in range(20)]
    told = [event for history in histories for event in history.events]
    worker = HistoryWorker(embedded_clickhouse.connect(), database, told)
    # Half of what there is comes before, the other half while it migrates.
    worker.put(len(told) // 2)
    writing = Writer(worker.put)
    computing_client = embedded_clickhouse.connect()
    computing = Writer(lambda: _until_gone(computing_client, database))
    for thread in (writing, computing):
        thread.start()
    try:
        migrate.apply(client, database=database, defaults=defaults)
    finally:
        for thread in (writing, computing):
            thread.stop()
    assert writing.error is None
    assert computing.error is None
    during = writing.done
    while worker.next < 2 * len(told):
        worker.put(200)

    assert during > 20
    fresh = embedded_clickhouse.migrated()
    put(client, fresh, told)
    events = (
        "SELECT count(), groupBitXor(cityHash64(profile_id, message_id, slot)) FROM {}.events FINAL"
    )
    assert client.query(events.format(database)).result_rows == (
        client.query(events.format(fresh)).result_rows
    )
    # The log is whole: completeness is proven on it.
    assert _count(client, f"SELECT uniqExact(_offset) FROM {database}.event_log") == worker.next
    assert _merges_again(client, database)
    profiles = [Profile(history.profile, history.events, NOW) for history in histories]
    for _ in range(2):
        for view, model in MODELS.items():
            found = rows_of(client, database, view, [p.name for p in profiles], nulls=False)
            expected = [row for profile in profiles for row in model(profile)]
            assert as_set(found) == as_set(expected), view
        facts.refresh(client, database=database)
        assert facts.waiting(client, database=database) == 0


def _until_gone(client: Client, database: str) -> None:
    try:
        refresh_as_before_0017(client, database)
    except Exception as error:
        # Its table is gone: from here on it computes nothing, and touched stays.
        if not any(name in str(error) for name in ("UNKNOWN_TABLE", "NO_SUCH_DATA_PART")):
            raise


def _count(client: Client, sql: str) -> int:
    return int(str(client.command(sql)))


def _merges_again(client: Client, database: str) -> bool:
    client.command(f"OPTIMIZE TABLE {database}.events FINAL")
    return True
