"""Failures as they can be put back: the original records, found in the archive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from schemas.topics import FailureHeader

_OWN_HEADERS = frozenset(
    value for name, value in vars(FailureHeader).items() if not name.startswith("_")
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failures. Everything that is given must hold."""

    ids: Sequence[str] = ()
    stage: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    partition: int | None = None
    """Of the original record, with the range of its offsets."""
    first_offset: int | None = None
    last_offset: int | None = None

    def conditions(self) -> tuple[str, dict[str, Any]]:
        """A SQL condition over `failure_log`, and its parameters."""
        wanted = {
            "failure_id IN {ids:Array(String)}": ("ids", list(self.ids) or None),
            "stage = {stage:String}": ("stage", self.stage),
            "reason = {reason:String}": ("reason", self.reason),
            "failed_at >= {since:DateTime64(3, 'UTC')}": ("since", self.since),
            "failed_at < {until:DateTime64(3, 'UTC')}": ("until", self.until),
            "original_partition = {partition:Int32}": ("partition", self.partition),
            "original_offset >= {first:Int64}": ("first", self.first_offset),
            "original_offset <= {last:Int64}": ("last", self.last_offset),
        }
        given = {text: pair for text, pair in wanted.items() if pair[1] is not None}
        return " AND ".join(given) or "true", dict(given.values())


@dataclass(frozen=True, slots=True)
class Failed:
    stage: str
    reason: str
    topic: str
    origin: str
    """`log/topic/partition/offset` of the record that failed."""
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def find(client: Client, selection: Selection, *, database: str = "dm") -> Iterator[Failed]:
    """The failures, each once, in the order in which their records came."""
    condition, parameters = selection.conditions()
    statement = (
        # Inside an array the client decodes strings, whatever format is asked for: so as hex.
        "SELECT stage, reason, original_topic, original_partition, original_offset, _log, key,"
        " payload, arrayMap(pair -> (pair.1, hex(pair.2)), headers) AS header_pairs"
        f" FROM {database}.failure_log FINAL"
        # What was erased has no bytes that could be put back.
        f" WHERE NOT is_erased AND {condition}"
        " ORDER BY original_topic, original_partition, original_offset, logged_at"
        " LIMIT 1 BY failure_id"
    )
    with client.query_rows_stream(
        statement, parameters=parameters, query_formats={"String": "bytes"}
    ) as rows:
        for stage, reason, topic, partition, offset, log, key, payload, pairs in rows:
            named = _text(topic)
            yield Failed(
                stage=_text(stage),
                reason=_text(reason),
                topic=named,
                origin=f"{_text(log)}/{named}/{partition}/{offset}",
                key=key,
                value=payload,
                headers=[
                    (_text(name), bytes.fromhex(_text(value))) for name, value in pairs
                    if _text(name) not in _OWN_HEADERS
                ],
            )  # fmt: skip


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
