"""Failures as whoever waits for them reads them from `dm.failures.v1`: why, and of what."""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.topics import FailureHeader


@dataclass(frozen=True, slots=True)
class ToldFailure:
    """One record of the topic whose original is a JSON object: a command, or a request."""

    original: dict[str, Any]
    stage: str
    reason: str
    sentence: str
    """What happened and what to do; never a message text or a secret."""

    @property
    def command(self) -> tuple[Any, Any] | None:
        """Profile and id of the command that can't be carried out; None where it is of none."""
        if self.stage != "command":
            return None
        return self.original.get("profileid"), self.original.get("command_id")


def told_failure(record: Any) -> ToldFailure | None:
    """None where the original is no JSON object: nobody waits for what can't be read."""
    try:
        original = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(original, dict):
        return None
    # A header's name may come twice: the failure's own ones stand after the original record's.
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return ToldFailure(
        original=original,
        stage=headers.get(FailureHeader.STAGE, ""),
        reason=headers.get(FailureHeader.REASON, ""),
        sentence=headers.get(FailureHeader.MESSAGE, ""),
    )
