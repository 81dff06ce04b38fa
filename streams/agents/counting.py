"""What agents count that takes more than a line."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from schemas.events import (
    Event,
    MessageSent,
    SendAccepted,
    SendFailed,
    SendRejected,
    SendUnknown,
)
from streams.monitoring import metrics

_OUTCOMES = {MessageSent: "sent", SendFailed: "failed", SendUnknown: "unknown"}


def count_decided(events: Iterable[Event]) -> None:
    """Of one command: accepted or rejected, or no send at all."""
    for event in events:
        if isinstance(event, SendAccepted):
            metrics.COMMANDS_DECIDED.labels("accepted", "").inc()
        elif isinstance(event, SendRejected):
            metrics.COMMANDS_DECIDED.labels("rejected", event.data.reason).inc()


def count_ended(accepted: SendAccepted, events: Iterable[Any], at: datetime) -> None:
    """Of one send. Several messages of it are one end: the one that names the command."""
    for event in events:
        outcome = _OUTCOMES.get(type(event))
        if outcome is None or event.data.command_id is None:
            continue
        platform, reason = accepted.platform, getattr(event.data, "reason", None) or ""
        metrics.SENDS_ENDED.labels(platform, outcome, reason).inc()
        if outcome == "sent":
            seconds = (at - accepted.time).total_seconds()
            metrics.SEND_SECONDS.labels(platform).observe(max(0.0, seconds))


def count_hook(outcome: str, milliseconds: int) -> None:
    metrics.HOOK_ATTEMPTS.labels(outcome).inc()
    metrics.HOOK_SECONDS.observe(milliseconds / 1000)
