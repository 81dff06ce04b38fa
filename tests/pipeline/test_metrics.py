"""The views that count and measure, on small days made by hand; and the contract of all views."""

import asyncio
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas import data, events
from schemas.topics import FailureHeader
from sinks.archive import Archive, LogRecord
from tests.pipeline.days import BODY, NOW, Day

pytestmark = pytest.mark.pipeline

MONTH = NOW.strftime("%Y-%m")


Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def ask(client: Client, database: str) -> Ask:
    def _ask(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        text = sql.replace("{views}", f"{database}_analytics")
        return list(client.query(text, parameters=parameters, tz_mode="aware").result_rows)

    return _ask


def test_the_first_response_is_the_first_by_a_person(
    client: Client, database: str, ask: Ask
) -> None:
    day = Day()
    start = NOW - timedelta(hours=5)
    day.received("q", start)
    day.sent("auto", start + timedelta(seconds=2), origin="auto")
    day.sent("a", start + timedelta(minutes=10))
    day.sent("b", start + timedelta(minutes=20))
    day.received("q2", start, correspondent="bo")
    day.received("old", start - timedelta(days=3), correspondent="cy", backfilled=True)
    day.sent("c", start + timedelta(days=1), correspondent="cy")
    day.store(client, database)

    rows = ask(
        "SELECT conversation_id, is_answered, response_seconds, has_backfill"
        " FROM {views}.first_responses WHERE profile_id = {p:String} ORDER BY 1",
        p=day.profile,
    )
    assert rows == [
        ("instagram:page:ada", True, 600.0, False),
        ("instagram:page:bo", False, None, False),
        ("instagram:page:cy", True, 4 * 86_400 + 0.0, True),
    ]
    summary = ask(
        "SELECT day, conversation_count, answered_count, median_seconds, p90_seconds"
        " FROM {views}.first_response_times WHERE profile_id = {p:String}",
        p=day.profile,
    )
    assert summary == [(start.date(), 2, 1, 600.0, 600.0)]


def test_an_auto_response_ends_no_waiting(client: Client, database: str, ask: Ask) -> None:
    day = Day()
    day.received("q", NOW - timedelta(hours=2))
    day.received("q again", NOW - timedelta(hours=1))
    day.sent("auto", NOW - timedelta(minutes=50), origin="auto")
    day.received("answered", NOW - timedelta(hours=3), correspondent="bo")
    day.sent("answer", NOW - timedelta(hours=2), correspondent="bo")
    day.received("long ago", NOW - timedelta(days=8), correspondent="cy")
    day.store(client, database)

    rows = ask(
        "SELECT conversation_id, waiting_since, round(waiting_seconds / 3600), is_window_open,"
        " round(window_remaining_seconds / 3600) FROM {views}.waiting_conversations"
        " WHERE profile_id = {p:String} ORDER BY 1",
        p=day.profile,
    )
    assert rows == [
        ("instagram:page:ada", NOW - timedelta(hours=2), 2.0, True, 7 * 24 - 1.0),
        ("instagram:page:cy", NOW - timedelta(days=8), 8 * 24.0, False, -24.0),
    ]


def test_active_conversations_are_measured_against_the_limit(
    client: Client, database: str, ask: Ask
) -> None:
    day = Day()
    for rank, correspondent in enumerate(["ada", "bo", "cy"], start=1):
        day.received(f"m {correspondent}", NOW, correspondent=correspondent)
        day.activated(correspondent, MONTH, rank)
    day.activated("ada", "2020-02", 1)
    day.limit(500, NOW - timedelta(days=2))
    day.limit(2, NOW - timedelta(days=1))
    day.store(client, database)

    rows = ask(
        "SELECT month, active_count, instagram_count, x_count, monthly_limit, limit_share,"
        " is_limit_reached FROM {views}.active_conversations WHERE profile_id = {p:String}"
        " ORDER BY month",
        p=day.profile,
    )
    assert rows == [("2020-02", 1, 1, 0, 2, 0.5, False), (MONTH, 3, 3, 0, 2, 1.5, True)]
    places = ask(
        "SELECT conversation_id, rank_this_month, is_over_limit FROM {views}.conversations"
        " WHERE profile_id = {p:String} ORDER BY 1",
        p=day.profile,
    )
    assert [row[1:] for row in places] == [(1, False), (2, False), (3, True)]


def test_messages_are_counted_by_utc_day_and_side(client: Client, database: str, ask: Ask) -> None:
    day = Day()
    midnight = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=3)
    day.received("late", midnight - timedelta(milliseconds=1))
    day.received("early", midnight)
    day.sent("auto", midnight, origin="auto")
    day.sent("mine", midnight, backfilled=True)
    day.store(client, database)

    rows = ask(
        "SELECT day, received_count, sent_count, auto_sent_count, backfilled_count"
        " FROM {views}.messages_daily WHERE profile_id = {p:String} ORDER BY day",
        p=day.profile,
    )
    assert rows == [
        ((midnight - timedelta(days=1)).date(), 1, 0, 0, 0),
        (midnight.date(), 1, 2, 1, 1),
    ]


def test_each_command_has_one_row_with_its_outcome(client: Client, database: str, ask: Ask) -> None:
    """Invariant 6, as analysts see it."""
    day = Day()
    base = BODY

    def accepted(command: str) -> None:
        body = data.SendAccepted(**base, command_id=command, month=MONTH, rank=1, expires_at=NOW)
        day.send(events.SendAccepted, body, NOW - timedelta(seconds=60))

    def attempted(command: str, attempt: int) -> None:
        body = data.SendAttempted(**base, command_id=command, attempt=attempt)
        at = NOW - timedelta(seconds=50 - attempt)
        day.send(events.SendAttempted, body, at, attempt=attempt)

    for command in ("echoed", "sent", "failed", "open", "lost"):
        accepted(command)
        attempted(command, 1)
    attempted("failed", 2)
    unknown = {"reason": "maybe_delivered", "message": "no answer came"}
    for command in ("echoed", "lost"):
        body = data.SendUnknown(**base, command_id=command, **unknown)
        day.send(events.SendUnknown, body, NOW - timedelta(seconds=40))
    day.sent("m1", NOW - timedelta(seconds=45), command_id="sent", origin="api")
    day.sent("m2", NOW - timedelta(seconds=44), command_id="echoed", origin="auto")
    failed = data.SendFailed(**base, command_id="failed", reason="token_invalid", message="no")
    day.send(events.SendFailed, failed, NOW - timedelta(seconds=30))
    rejected = data.SendRejected(**base, command_id="no", reason="not_initiated", message="no")
    day.send(events.SendRejected, rejected, NOW - timedelta(seconds=20))
    day.store(client, database)

    rows = ask(
        "SELECT command_id, outcome, reason, origin, message_id, attempt_count,"
        " accepted_to_sent_seconds, isNull(finished_at) FROM {views}.sends"
        " WHERE profile_id = {p:String} ORDER BY 1",
        p=day.profile,
    )
    assert rows == [
        ("echoed", "sent", "", "auto", "m2", 1, 16.0, 0),
        ("failed", "failed", "token_invalid", "api", "", 2, None, 0),
        ("lost", "unknown", "maybe_delivered", "api", "", 1, None, 0),
        ("no", "rejected", "not_initiated", "api", "", 0, None, 0),
        ("open", "pending", "", "api", "", 1, None, 1),
        ("sent", "sent", "", "api", "m1", 1, 15.0, 0),
    ]


def test_a_failure_told_twice_is_one(client: Client, database: str, ask: Ask) -> None:
    headers = [
        (FailureHeader.ID, b"f1"),
        (FailureHeader.STAGE, b"normalise"),
        (FailureHeader.REASON, b"unreadable"),
        (FailureHeader.ERROR_CLASS, b"JSONDecodeError"),
        (FailureHeader.MESSAGE, b"the body is not JSON"),
        (FailureHeader.TOPIC, b"dm.webhooks.v1"),
        (FailureHeader.PARTITION, b"3"),
        (FailureHeader.OFFSET, b"42"),
        (FailureHeader.FAILED_AT, b"2026-11-22T14:33:07.120Z"),
        ("dm-provider", b"meta"),
    ]
    log = uuid.uuid4().hex
    archive = Archive(client, log=log, topic="dm.failures.v1", kind="failures", database=database)
    bytes_that_are_no_text = b"\xff\x00{"
    records = [
        LogRecord(0, offset, 1_700_000_000_000, b"k", bytes_that_are_no_text, headers)
        for offset in (0, 1)
    ]
    records.append(LogRecord(0, 2, 1_700_000_000_000, None, None, ()))
    asyncio.run(archive.write(records))

    rows = ask(
        "SELECT failure_id, stage, reason, error_class, original_topic, original_partition,"
        " original_offset, hex(original_value), told_count, toString(failed_at), failure_offset"
        " FROM {views}.failed_events WHERE failure_log = {log:String} ORDER BY failure_offset",
        log=log,
    )
    assert rows == [
        ("f1", "normalise", "unreadable", "JSONDecodeError", "dm.webhooks.v1", 3, 42, "FF007B", 2,
         "2026-11-22 14:33:07.120", 0),
        (f"{log}/0/2", "", "", "", "", -1, -1, "", 1, "2023-11-14 22:13:20.000", 2),
    ]  # fmt: skip
    assert asyncio.run(archive.high_water_mark(0)) == 2


def test_every_column_of_every_view_has_a_comment_and_an_honest_name(ask: Ask) -> None:
    """The views are the contract: names tell units, comments tell the rest."""
    columns = ask(
        "SELECT table, name, type, comment FROM system.columns WHERE database = '{views}'"
    )
    assert len({table for table, *_ in columns}) >= 11
    for table, name, kind, comment in columns:
        where = f"{table}.{name}: {kind}"
        assert len(comment) > 10, where
        assert ("DateTime64(3, 'UTC')" in kind) == name.endswith(
            "_at"
        ) or name == "waiting_since", where
        assert (kind == "Bool") == name.startswith(("is_", "has_")), where
        if name.endswith("_seconds"):
            assert "Float64" in kind, where
            assert "second" in comment, where
        if "DateTime64" in kind:
            assert "UTC" in comment, where


def test_the_dictionary_names_columns_that_exist(ask: Ask) -> None:
    tables = ask("SELECT table, name FROM system.columns WHERE database = '{views}'")
    known = {f"{table}.{name}" for table, name in tables} | {table for table, _ in tables}
    definitions = ask(
        "SELECT name, definition, unit, timestamp_used, leaves_out, view"
        " FROM {views}.metric_definitions"
    )
    assert len(definitions) == len({row[0] for row in definitions}) >= 12
    for name, *texts, view in definitions:
        assert view in known, name
        assert all(texts), name
        assert re.fullmatch(r"[a-z0-9_]+", name)
