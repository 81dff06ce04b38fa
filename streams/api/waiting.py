"""The headers that say how a request to act is to be carried out: Prefer, and Idempotency-Key."""

import re
from typing import Annotated

from fastapi import Header
from pydantic import StringConstraints

from streams.settings import Settings

LONGEST_SECONDS = 60

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,15})\"?\s*(?:[,;]|$)")
_ASYNC = re.compile(r"(?:^|,)\s*respond-async\s*(?:[,;]|$)")

Prefer = Annotated[
    str | None,
    Header(
        description="RFC 7240. `wait=N`: answer 202 after N seconds without an outcome (10 where"
        " absent, at most 60). `respond-async`: at once. Anything else is passed over.",
        examples=["wait=5"],
    ),
]
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
    | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same body is carried out once, and answered with its"
        " first outcome; for 7 days.",
        examples=["order-4711-shipped"],
    ),
]


def seconds(prefer: str | None, settings: Settings) -> float:
    if prefer is None:
        return settings.api_wait_seconds
    wait = _WAIT.search(prefer.lower())
    if wait is not None:
        return float(min(int(wait[1]), LONGEST_SECONDS))
    return 0.0 if _ASYNC.search(prefer.lower()) else settings.api_wait_seconds
