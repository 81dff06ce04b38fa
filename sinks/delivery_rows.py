"""From records of `dm.hook.deliveries.v1` to rows: the same records give the same rows."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from schemas.hooks import HookDelivery
from sinks.rows import DELIVERY_LOG, Data, LogRecord


def delivery_columns(log: str, topic: str, records: Iterable[LogRecord]) -> Data:
    """The data of DELIVERY_LOG, a row per record: one that can't be read is told as such."""
    rows = [(log, topic, record.partition, record.offset, *_row(record)) for record in records]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in DELIVERY_LOG.names]


def _row(record: LogRecord) -> tuple[Any, ...]:
    at = record.timestamp_ms
    try:
        told = HookDelivery.model_validate_json(record.value or b"")
    except ValidationError:
        return "", "", "", "", 0, "unreadable", 0, "", 0, at, 0, "", at
    return (
        told.profileid, told.hook_id, told.event_id, told.event_type,
        told.attempt, told.outcome, told.http_status or 0, told.error, told.milliseconds,
        round(told.at.timestamp() * 1000),
        round(told.next_at.timestamp() * 1000) if told.next_at else 0,
        told.replay_id or "", at,
    )  # fmt: skip
