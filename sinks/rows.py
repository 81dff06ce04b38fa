"""From records of the log to rows of the tables. Pure, and the same records give the same rows.

Speed matters here: it runs on every event. So values are taken from the parsed JSON as they are;
types are looked at one by one only when a batch did not fit (`strict`); and rows are laid end to
end in one list that is then cut into columns: a tuple kept for each row made Python's garbage
collector look through them all again and again (measured: a third of the time).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from schemas.topics import EventHeader, FailureHeader

UNREADABLE = "unreadable"

Row = tuple[Any, ...]
Data = list[list[Any]]
"""A table's columns, in the order of its `Columns.names`."""


class LogRecord(NamedTuple):
    """One record as it stands on the log. A tuple, since one is made of every event."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's columns that the writer fills, with the types it sends.

    LowCardinality columns are sent as plain String: the server converts them faster than a Python
    client builds their dictionaries (measured).
    """

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]


_TIME = "DateTime64(3, 'UTC')"

EVENT_LOG = Columns(
    "event_log",
    ("_log", "_topic", "_partition", "_offset", "event_id", "type", "profile_id", "conversation_id",
     "occurred_at", "received_at", "logged_at", "key", "payload", "restored_from"),
    ("String", "String", "UInt32", "UInt64", "String", "String", "String", "String",
     _TIME, _TIME, _TIME, "String", "String", "String"),
)  # fmt: skip

EVENTS = Columns(
    "events",
    ("profile_id", "conversation_id", "message_id", "slot", "event_id", "version", "kind",
     "platform", "provider", "account_id", "correspondent_id", "command_id", "occurred_at",
     "received_at", "logged_at", "is_backfilled", "is_standby", "is_time_estimated",
     "is_unreadable", "text", "attachments", "origin", "party", "person_id", "emoji",
     "watermark_at", "correlation_id", "causation_id", "details", "source"),
    ("String", "String", "String", "String", "String", "UInt64", "String",
     "String", "String", "String", "String", "String", _TIME,
     _TIME, _TIME, "Bool", "Bool", "Bool",
     "Bool", "String", "String", "String", "String", "String", "String",
     _TIME, "String", "String", "String", "String"),
)  # fmt: skip

FAILURE_LOG = Columns(
    "failure_log",
    ("_log", "_topic", "_partition", "_offset", "failure_id", "stage", "reason", "error_class",
     "message", "failed_at", "logged_at", "original_topic", "original_partition",
     "original_offset", "key", "payload", "headers"),
    ("String", "String", "UInt32", "UInt64", "String", "String", "String", "String",
     "String", _TIME, _TIME, "String", "Int32",
     "Int64", "String", "String", "Array(Tuple(String, String))"),
)  # fmt: skip

DELIVERY_LOG = Columns(
    "delivery_log",
    ("_log", "_topic", "_partition", "_offset", "profile_id", "hook_id", "event_id", "event_type",
     "attempt", "outcome", "http_status", "error", "milliseconds", "attempted_at", "next_at",
     "replay_id", "logged_at"),
    ("String", "String", "UInt32", "UInt64", "String", "String", "String", "String",
     "UInt32", "String", "Int32", "String", "UInt64", _TIME, _TIME,
     "String", _TIME),
)  # fmt: skip

# What DateTime64(3) can hold: 1900 to 2299.
_EARLIEST, _LATEST = -2_208_988_800_000, 10_413_791_999_999


def milliseconds(text: str) -> int:
    """An RFC 3339 instant in ms since 1970. Raises ValueError, TypeError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone")
    instant = round(moment.timestamp() * 1000)  # exact: a double holds ms until the year 287396
    if not _EARLIEST <= instant <= _LATEST:
        raise ValueError("an instant that the archive can't hold")
    return instant


_OURS, _LIVE = 1 << 63, 1 << 62
_LONGEST = (1 << 42) - 1  # ms: until 2109


def version(*, command_id: str, backfilled: bool, received_ms: int, value: bytes) -> int:
    """Which of several copies of one happening is kept: the highest, whatever came first.

    One that names our command is before an echo that does not; one received as it happened is
    before one fetched from history; then the earlier received. The last bits are of the content, so
    that two copies of the same millisecond don't depend on the order of their coming either.
    """
    return (
        (_OURS if command_id else 0)
        | (0 if backfilled else _LIVE)
        | ((_LONGEST - received_ms if 0 <= received_ms <= _LONGEST else 0) << 20)
        | (crc32(value) & 0xFFFFF)
    )


def event_columns(
    log: str, topic: str, records: Iterable[LogRecord], *, strict: bool = False
) -> tuple[Data, Data]:
    """The data of EVENT_LOG, a row per record, and of EVENTS, a row per readable record.

    `strict` looks at the type of every value: for a batch that did not fit into the columns. A
    record that does not fit becomes an unreadable one; the others' rows stay as they were.
    """
    logged: list[Any] = []
    happened: list[Any] = []
    for record in records:
        value = record.value or b""
        try:
            event_type, row = _event(value, record.timestamp_ms)
            if strict:
                _check(row)
        except (ValueError, TypeError, KeyError, AttributeError):
            # Whoever met it first told dm.failures.v1 of it; here it keeps its place.
            head: Row = ("", UNREADABLE, "", "", 0, 0)
        else:
            happened += row
            head = (row[4], event_type, row[0], row[1], row[12], row[13])
        logged += (
            log, topic, record.partition, record.offset, *head, record.timestamp_ms,
            record.key or b"", value,
            _header(record, EventHeader.RESTORED_FROM) if record.headers else "",
        )  # fmt: skip
    return _columns(logged, EVENT_LOG), _columns(happened, EVENTS)


def _columns(cells: list[Any], columns: Columns) -> Data:
    width = len(columns.names)
    return [cells[index::width] for index in range(width)]


def _event(value: bytes, logged_ms: int) -> tuple[str, Row]:
    """The event's type and its row of EVENTS."""
    event: dict[str, Any] = orjson.loads(value)
    data: dict[str, Any] = event["data"]
    take = data.pop
    received_ms = milliseconds(event["receivedat"])
    message_id = take("message_id", "")
    command_id = take("command_id", "")
    backfilled = take("backfilled", False)
    watermark = take("watermark_at", None)
    attachments = take("attachments", None)
    event_type: str = event["type"]
    event_id: str = event["id"]
    kind = _kind(event_type)
    row = (
        event["profileid"],
        event.get("subject", ""),
        message_id,
        "" if kind in _MESSAGES and message_id else event_id,
        event_id,
        version(command_id=command_id, backfilled=backfilled, received_ms=received_ms, value=value),
        kind,
        event.get("platform", ""),
        take("provider", ""),
        take("account_id", ""),
        take("correspondent_id", ""),
        command_id,
        milliseconds(event["time"]),
        received_ms,
        logged_ms,
        backfilled,
        take("standby", False),
        take("time_estimated", False),
        take("is_unreadable", False),
        take("text", ""),
        orjson.dumps(attachments).decode() if attachments else "",
        take("origin", ""),
        take("by", ""),
        take("person_id", ""),
        take("emoji", ""),
        milliseconds(watermark) if watermark else 0,
        event.get("correlationid", ""),
        event.get("causationid", ""),
        orjson.dumps(data).decode() if data else "",
        event.get("source", ""),
    )
    return event_type, row


@lru_cache(maxsize=1024)
def _kind(event_type: str) -> str:
    """`dm.message.received.v1` -> `message.received`."""
    return event_type.removeprefix("dm.").rpartition(".v")[0] or event_type


# Two providers tell of one message under two ids; its place in the conversation is one.
_MESSAGES = frozenset({"message.received", "message.sent"})

_PYTHON_TYPES: dict[str, type] = {"String": str, "UInt64": int, _TIME: int, "Bool": bool}
_EXPECTED = tuple(_PYTHON_TYPES[name] for name in EVENTS.types)


def _check(row: Row) -> None:
    """Raises TypeError. Names no value: it may be a message's text."""
    for value, expected, name in zip(row, _EXPECTED, EVENTS.names, strict=True):
        if not isinstance(value, expected):
            raise TypeError(f"{name} is no {expected.__name__}")


def failure_columns(log: str, topic: str, records: Iterable[LogRecord]) -> Data:
    """The data of FAILURE_LOG, a row per record. Missing or broken headers leave defaults."""
    cells: list[Any] = []
    for record in records:
        cells += (
         log, topic, record.partition, record.offset,
         _header(record, FailureHeader.ID) or f"{log}/{record.partition}/{record.offset}",
         _header(record, FailureHeader.STAGE),
         _header(record, FailureHeader.REASON),
         _header(record, FailureHeader.ERROR_CLASS),
         _header(record, FailureHeader.MESSAGE),
         _instant_or(_header(record, FailureHeader.FAILED_AT), record.timestamp_ms),
         record.timestamp_ms,
         _header(record, FailureHeader.TOPIC),
         _number(_header(record, FailureHeader.PARTITION), largest=2**31 - 1),
         _number(_header(record, FailureHeader.OFFSET), largest=2**63 - 1),
         record.key or b"",
         record.value or b"",
         [(name.encode(), value) for name, value in record.headers],
        )  # fmt: skip
    return _columns(cells, FAILURE_LOG)


def _header(record: LogRecord, name: str) -> str:
    """The last of that name; empty where there is none."""
    for header, value in reversed(record.headers):
        if header == name:
            return value.decode("utf-8", "replace")
    return ""


def _instant_or(text: str, default: int) -> int:
    try:
        return milliseconds(text)
    except ValueError:
        return default


def _number(text: str, *, largest: int) -> int:
    return int(text) if text.isdecimal() and int(text) <= largest else -1
