"""How long a platform asks us to wait: from headers, pure, never raising."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

_LONGEST_SECONDS = 7 * 24 * 3600.0  # beyond that a header is nonsense, or a date far off


@dataclass(frozen=True, slots=True)
class Wait:
    """A duration, or an instant where the platform named one; both None where it said nothing."""

    seconds: float | None = None
    at: datetime | None = None

    @property
    def is_known(self) -> bool:
        return self.seconds is not None or self.at is not None


NOTHING_SAID = Wait()


def retry_after(headers: Mapping[str, str]) -> Wait:
    """`Retry-After`: seconds or an HTTP date (RFC 9110). Header names in lower case."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return NOTHING_SAID
    seconds = _number(value)
    if seconds is not None:
        return Wait(seconds=seconds)
    try:
        at = parsedate_to_datetime(value)
        return Wait(at=at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    except (ValueError, OverflowError, TypeError, IndexError):
        return NOTHING_SAID


def x_rate_limit_reset(headers: Mapping[str, str]) -> Wait:
    """`x-rate-limit-reset`: the UNIX second at which X's window ends."""
    second = _number(headers.get("x-rate-limit-reset", ""), longest=4e9)  # until the year 2096
    if second is None or second < 1e9:  # noqa: PLR2004 - before 2001: not a UNIX time
        return NOTHING_SAID
    return Wait(at=datetime.fromtimestamp(second, UTC))


def meta_usage(headers: Mapping[str, str], *, full: float = 100.0) -> Wait:
    """Meta's usage headers, of which only one names a time.

    `X-Business-Use-Case-Usage` is an object of lists per business object, with
    `estimated_time_to_regain_access` in MINUTES: the longest counts. `X-App-Usage` holds per cent
    of a rolling hour (the Instagram host uses other names for them): at 100 and more, Meta tells
    no time, and five minutes let a twelfth of the hour roll out. `full`: the per cent at which a
    caller stops, who leaves the rest to others.
    """
    minutes = [
        number
        for usage in _lists_in(headers.get("x-business-use-case-usage", ""))
        if (number := _number(usage.get("estimated_time_to_regain_access"))) is not None
    ]
    if minutes and max(minutes) > 0:
        return Wait(seconds=min(max(minutes) * 60, _LONGEST_SECONDS))
    shares = [
        number
        for value in _object(headers.get("x-app-usage", "")).values()
        if (number := _number(value)) is not None
    ]
    if shares and max(shares) >= full:
        return Wait(seconds=300.0)
    return NOTHING_SAID


def first_known(*waits: Wait) -> Wait:
    return next((wait for wait in waits if wait.is_known), NOTHING_SAID)


def _lists_in(value: str) -> list[dict[str, Any]]:
    return [
        usage
        for usages in _object(value).values()
        if isinstance(usages, list)
        for usage in usages
        if isinstance(usage, dict)
    ]


def _object(value: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _number(value: Any, *, longest: float = _LONGEST_SECONDS) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number) or number < 0:
        return None
    return min(number, longest)
