"""Failures of commands: what could not be carried out, and why."""

from datetime import UTC, datetime
from typing import NamedTuple

from sinks.reading.asking import Asking


class NotCarriedOut(NamedTuple):
    reason: str
    sentence: str
    """Why; it holds no content."""
    failed_at: datetime


async def of_command(asking: Asking, profileid: str, command_id: str) -> NotCarriedOut | None:
    """The newest failure of the command. None where there is none, or where an erasure took the
    command's bytes."""
    rows = await asking.rows(
        "SELECT reason, message, toUnixTimestamp64Milli(failed_at) AS failed_ms"
        " FROM $db.failure_log WHERE stage = 'command' AND key = {profile:String}"
        " AND JSONExtractString(payload, 'profileid') = {profile:String}"
        " AND JSONExtractString(payload, 'command_id') = {command:String}"
        " ORDER BY failed_at DESC, _offset DESC LIMIT 1",
        profile=profileid,
        command=command_id,
    )
    if not rows:
        return None
    [row] = rows
    failed_at = datetime.fromtimestamp(row["failed_ms"] / 1000, UTC)
    return NotCarriedOut(row["reason"], row["message"], failed_at)
