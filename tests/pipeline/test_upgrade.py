"""What an earlier version wrote is read by this one: its log, its state, its archive.

`first` is the first version that ran as a whole: webhooks to rows, no sends. Its migrations were
rewritten before any release, so its archive is built anew from its log. `sending` had sends, their
journal and erasures, and the migrations of today up to 0007.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.events import parse_event
from schemas.topics import EVENTS
from sinks import completeness, migrate
from streams import kafka, rebuilding
from streams.settings import Settings
from streams.state_differences import differences
from tests.conftest import ClickHouse
from tests.pipeline.golden import Golden, put_archive_back, put_log_back
from tests.pipeline.running import Running
from tests.pipeline.sandbox import Sandbox, sandbox

pytestmark = pytest.mark.pipeline

FIRST, SENDING = Golden("first"), Golden("sending")
CONVERSATIONS, DELIVERY, HISTORY = "dmstream-conversations", "dmstream-delivery", "dmstream-history"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    """Where sends would go, should one leave."""
    with sandbox(tmp_path) as found:
        yield found


@pytest.fixture
def today(
    settings: Settings, embedded_clickhouse: ClickHouse, tmp_path: Path, box: Sandbox
) -> Iterator[Running]:
    own = settings.model_copy(
        update={
            "clickhouse_url": embedded_clickhouse.url,
            "clickhouse_database": f"u{tmp_path.name.replace('-', '')[-30:]}",
        }
    )
    running = Running(own, tmp_path)
    running.more = {
        "DM_SANDBOX": "true",
        "DM_META_GRAPH_URL": f"{box.address}/meta/graph/v25.0",
        "DM_META_INSTAGRAM_URL": f"{box.address}/meta/instagram/v25.0",
        "DM_X_URL": f"{box.address}/x",
        "DM_AYRSHARE_URL": f"{box.address}/ayrshare/api",
    }
    yield running
    running.stop()


def views(client: Client, database: str, sql: str) -> list[dict[str, Any]]:
    rows = client.query(sql.replace("{views}", f"{database}_analytics"))
    return list(rows.named_results())


def equal_state(settings: Settings) -> rebuilding.Rebuilt:
    """Invariant 4, over a changelog that two versions wrote."""
    rebuilt = asyncio.run(rebuilding.compare(settings, archive=False, progress=lambda *_: None))
    found = list(differences(rebuilt.live, rebuilt.fold.states))
    assert not found, "\n".join(map(str, found))
    assert rebuilt.live
    return rebuilt


def messages(client: Client, database: str, golden: Golden) -> None:
    """All that the earlier version's view held, and as it held it."""
    found = {
        (row["profile_id"], row["message_id"]): row
        for row in views(
            client,
            database,
            "SELECT profile_id, conversation_id, message_id, direction, text FROM {views}.messages",
        )
    }
    expected = golden.rows("messages")
    assert len(expected) > 30
    for row in expected:
        assert found[row["profile_id"], row["message_id"]] == row
    assert len(found) > len(expected), "webhooks that nobody had read yet are worked on"


def test_the_log_of_the_first_version_gives_its_state_and_its_archive(today: Running) -> None:
    settings, database = today.settings, today.settings.clickhouse_database
    put_log_back(FIRST, settings, CONVERSATIONS)
    client = today.archive()
    migrate.apply(client, database=database)
    # Its states had another shape under the same version: they are folded anew, as
    # docs/operations.md says for an update that names it.
    written = asyncio.run(rebuilding.write(settings, archive=False, progress=lambda *_: None))
    assert written.differing
    for worker in ("conversations", "history"):
        today.start(worker)
    today.settled()
    messages(client, database, FIRST)
    equal_state(settings)
    assert all(report.is_complete for report in completeness.check(client, database=database))


def test_an_archive_whose_migrations_were_rewritten_is_refused_by_name(
    embedded_clickhouse: ClickHouse,
) -> None:
    """Not guessed at: rows of the first version are built anew from its log."""
    client, database = embedded_clickhouse.connect(), embedded_clickhouse.migrated()
    old = FIRST.about["migrations"]
    rows = [[name, checksum] for name, checksum in old.items()]
    client.command(f"TRUNCATE TABLE {database}.schema_migrations")
    client.insert(f"{database}.schema_migrations", rows, ["name", "checksum"])
    with pytest.raises(migrate.MigrationError, match="0001_base_tables"):
        migrate.apply(client, database=database)


def test_migrations_that_were_applied_are_still_what_they_were() -> None:
    """Else `dmstream migrate` refuses the archive of who used that version."""
    today = {one.name: one.checksum for one in migrate.migrations()}
    assert {name: today[name] for name in SENDING.about["migrations"]} == SENDING.about[
        "migrations"
    ]


@pytest.mark.parametrize("golden", [FIRST, SENDING], ids=["first", "sending"])
def test_every_event_that_was_ever_written_is_read_and_written_back_alike(golden: Golden) -> None:
    """A later field has a default; none is renamed or dropped (docs/schemas.md)."""
    values = [one["value"] for one in golden.records() if one["topic"] == EVENTS]
    assert len(values) > 80
    for value in values:
        event = parse_event(value.encode())
        assert parse_event(event.to_json()) == event


def test_archive_log_state_and_sends_of_a_version_with_sends_go_on(
    today: Running, box: Sandbox
) -> None:
    """What waited has had its time, and is told as failed. Invariants 6, 8 and 10."""
    settings, database = today.settings, today.settings.clickhouse_database
    put_log_back(SENDING, settings, CONVERSATIONS, DELIVERY, HISTORY)
    client = today.archive()
    log = asyncio.run(kafka.log_id(settings))
    put_archive_back(SENDING, client, database=database, log=log)
    rows_then = SENDING.about["rows"]["event_log"]
    applied = migrate.apply(client, database=database)
    assert "0009_conversation_facts" in applied
    for worker in ("conversations", "history", "delivery"):
        today.start(worker)
    today.settled()
    messages(client, database, SENDING)
    equal_state(settings)
    assert all(report.is_complete for report in completeness.check(client, database=database))
    ((rows_now,),) = client.query(
        f"SELECT uniqExact(_partition, _offset) FROM {database}.event_log"
    ).result_rows
    assert rows_now > rows_then, "the rows of then, and those of what was left to do"

    def outcomes() -> dict[str, tuple[str, str]]:
        sql = "SELECT command_id, outcome, reason FROM {views}.sends"
        found = views(client, database, sql)
        return {row["command_id"]: (row["outcome"], row["reason"]) for row in found}

    unread = SENDING.about["unread_command"]
    today.wait(
        lambda: outcomes().get(unread, ("pending", ""))[0] == "failed",
        60,
        "it is over",
    )
    today.wait(
        lambda: not [one for one in outcomes().values() if one[0] == "pending"], 60, "all have ends"
    )
    found = outcomes()
    assert found[unread] == ("failed", "expired")
    for row in SENDING.rows("sends"):
        if row["outcome"] != "pending":
            assert found[row["command_id"]] == (row["outcome"], row["reason"])
    assert sum(1 for row in SENDING.rows("sends") if row["outcome"] == "pending") == 1
    assert box.get("messages") == [], "nothing of then is sent now"


def test_the_golden_files_are_of_the_past() -> None:
    """They are written once, by that version's own code, and never anew by today's."""
    for golden in (FIRST, SENDING):
        newest = max(one["timestamp"] for one in golden.records())
        assert newest < datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000
