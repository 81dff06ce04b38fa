"""Failures as records of `dm.failures.v1`: original bytes, and headers that say where and why."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from schemas.base import rfc3339
from schemas.failures import Failure
from schemas.topics import FailureHeader, WebhookHeader
from streams.monitoring import metrics


def failure_headers(
    failure: Failure, record: Any, log: str, at: datetime
) -> list[tuple[str, bytes]]:
    """Headers of a failure of `record`; the record's own headers come along untouched.

    The id is a pure function of where the record lay at first and what is wrong with it, so a
    record that is read twice, or replayed in vain, is one failure.
    """
    replayed = dict(record.headers).get(WebhookHeader.REPLAYED_FROM)
    where = (
        replayed.decode(errors="replace")
        if replayed
        else f"{log}/{record.topic}/{record.partition}/{record.offset}"
    )
    text = f"{where}/{failure.stage}/{failure.reason}/{failure.message}"
    identity = blake2b(text.encode(), digest_size=16).hexdigest()
    metrics.FAILURES.labels(failure.stage, failure.reason).inc()
    own = {
        FailureHeader.ID: identity,
        FailureHeader.STAGE: failure.stage,
        FailureHeader.REASON: failure.reason,
        FailureHeader.ERROR_CLASS: failure.error_class,
        FailureHeader.MESSAGE: failure.message,
        FailureHeader.TOPIC: record.topic,
        FailureHeader.PARTITION: str(record.partition),
        FailureHeader.OFFSET: str(record.offset),
        FailureHeader.FAILED_AT: rfc3339(at),
    }
    return [*record.headers, *((name, value.encode()) for name, value in own.items())]


def places(error: ValidationError) -> str:
    """Where a contract is broken, without any value."""

    def names() -> Iterator[str]:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            yield ".".join(str(part) for part in problem["loc"]) or "(whole)"

    return ", ".join(sorted(set(names())))[:200]
