"""What became of webhooks, as rows."""

from datetime import UTC, datetime

from schemas.hooks import HookDelivery
from sinks.delivery_rows import delivery_columns
from sinks.rows import DELIVERY_LOG, LogRecord

NOW = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)


def test_each_record_is_a_row_also_one_that_can_not_be_read() -> None:
    told = HookDelivery(
        hook_id="h", profileid="shop", event_id="e", event_type="dm.message.read.v1", attempt=2,
        at=NOW, outcome="failed", http_status=503, milliseconds=12, next_at=NOW,
    )  # fmt: skip
    values = [told.model_dump_json(exclude_none=True).encode(), b"nonsense", None]
    records = [LogRecord(1, n, 5, b"shop", value, []) for n, value in enumerate(values)]
    columns = delivery_columns("log", "topic", records)
    assert len(columns) == len(DELIVERY_LOG.names)
    rows = [dict(zip(DELIVERY_LOG.names, row, strict=True)) for row in zip(*columns, strict=True)]
    assert [row["_offset"] for row in rows] == [0, 1, 2]
    assert [row["outcome"] for row in rows] == ["failed", "unreadable", "unreadable"]
    first = rows[0]
    assert (first["http_status"], first["attempt"], first["milliseconds"]) == (503, 2, 12)
    assert first["attempted_at"] == first["next_at"] == int(NOW.timestamp() * 1000)


def test_no_records_are_no_rows() -> None:
    assert delivery_columns("log", "topic", []) == [[] for _ in DELIVERY_LOG.names]
