"""Reading JSON that others wrote: accessors that forgive what platforms vary in, and no more.

Each returns a value of one type, None where the key is absent or null, or raises `BadValueError`.
Platforms send ids as strings and as numbers, times as seconds, milliseconds or ISO text.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

JsonObject = dict[str, Any]

MAX_ID_LENGTH = 1024
"""The longest id known has 164 characters (Instagram). An id is repeated in source, subject and
data of its event, so a body of one megabyte with one endless id would grow beyond a record."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01 in milliseconds. Beyond it (and before 1970) a time is an error, not a fact."""

_SECONDS_BELOW = 100_000_000_000
"""Below it a number means seconds: as milliseconds it would lie before March 1973."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_EXACT_FLOAT = 2**53


class BadValueError(ValueError):
    """A value that is needed is missing or of the wrong form. Says where, never what it was."""

    def __init__(self, path: str, problem: str, reason: str = "bad_value") -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem
        self.reason = reason


def parse_body(body: bytes) -> JsonObject:
    """The JSON object in a body. Raises BadValueError (`unreadable`, `not_an_object`)."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = _parse_what_orjson_refuses(body)
    if not isinstance(parsed, dict):
        raise BadValueError("body", "is JSON, but not an object", "not_an_object")
    return parsed


def _parse_what_orjson_refuses(body: bytes) -> Any:
    """One odd value must not cost the good items of the same body.

    Meta cuts titles and writes `\\ud83d` escapes, so half a surrogate pair does occur; it becomes
    U+FFFD. NaN, Infinity and numbers without end become text, and fail where they are needed.
    """
    try:
        parsed = json.loads(
            body.decode(), parse_constant=str, parse_float=_finite, parse_int=_bounded
        )
        return _without_lone_surrogates(parsed)
    except RecursionError:
        raise BadValueError("body", "is nested too deep to be read", "unreadable") from None
    except ValueError as error:
        at = f" (at character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadValueError("body", f"is not JSON in UTF-8{at}", "unreadable") from None


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _bounded(digits: str) -> int | str:
    # int() refuses more than 4,300 digits with an error; no number of ours has more than 20.
    return int(digits) if len(digits) <= 40 else digits  # noqa: PLR2004


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {
            _LONE_SURROGATE.sub("\ufffd", key): _without_lone_surrogates(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_lone_surrogates(inner) for inner in value]
    return value


def at_path(where: str, key: str) -> str:
    """`message` and `mid` make `message.mid`."""
    return f"{where}.{key}" if where else key


def as_object(value: Any, where: str = "") -> JsonObject:
    """The value itself, if it is an object: for items of a list."""
    if isinstance(value, dict):
        return value
    raise BadValueError(where, "is not an object")


def child(parent: JsonObject, key: str, where: str = "") -> JsonObject | None:
    """The object under a key."""
    value = parent.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise BadValueError(at_path(where, key), "is not an object")


def children(parent: JsonObject, key: str, where: str = "") -> list[Any]:
    """The list under a key; empty where it is absent. Its items may be anything."""
    value = parent.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise BadValueError(at_path(where, key), "is not a list")


def identifier(parent: JsonObject, key: str, where: str = "") -> str | None:
    """An id as text. Platforms send most as strings and some as numbers."""
    value = parent.get(key)
    if type(value) is str:
        if len(value) <= MAX_ID_LENGTH:
            return value or None
        raise BadValueError(at_path(where, key), f"is longer than {MAX_ID_LENGTH} characters")
    if value is None:
        return None
    if type(value) is int:
        return str(value)
    # A float has lost digits beyond 2^53: an id made from it could be another message's.
    if type(value) is float and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return str(int(value))
    raise BadValueError(at_path(where, key), "is not an id (text or a whole number)")


def required_identifier(parent: JsonObject, key: str, where: str = "") -> str:
    found = identifier(parent, key, where)
    if found is None:
        raise BadValueError(at_path(where, key), "is missing")
    return found


def text(parent: JsonObject, key: str, where: str = "") -> str | None:
    """What somebody wrote. Empty text is no text: platforms send both for "media only"."""
    value = parent.get(key)
    if type(value) is str:
        return value or None
    if value is None:
        return None
    if type(value) in (int, float):
        return str(value)
    raise BadValueError(at_path(where, key), "is not text")


def label(parent: JsonObject, key: str) -> str | None:
    """A detail that decorates (a name, a title): None where it is anything but text or a number.

    A message is not lost because its advert's title has an odd form.
    """
    value = parent.get(key)
    if type(value) is str:
        return value or None
    return str(value) if type(value) in (int, float) else None


def flag(parent: JsonObject, key: str) -> bool:
    value = parent.get(key)
    return value is True or value in ("true", 1)


def milliseconds(parent: JsonObject, key: str, where: str = "") -> int | None:
    """An instant in milliseconds since 1970: from seconds, milliseconds or ISO 8601 text.

    Zero is no instant. ISO text without a zone is UTC. Raises BadValueError outside 1970-2100.
    """
    value = parent.get(key)
    if value is None:
        return None
    number: int | float
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        number = value
    elif type(value) is str:
        if not value:
            return None
        if not (value.isascii() and value.isdigit()):
            return _in_range(_iso(value, key, where), key, where)
        if len(value) > len(str(LATEST_MS)):
            raise BadValueError(at_path(where, key), "is not an instant between 1970 and 2100")
        number = int(value)
    else:
        raise BadValueError(at_path(where, key), "is not an instant")
    if number == 0:
        return None
    if -_SECONDS_BELOW < number < _SECONDS_BELOW:
        number = number * 1000
    return _in_range(round(number), key, where)


def _iso(value: str, key: str, where: str) -> int:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise BadValueError(at_path(where, key), "is not an instant") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // _MILLISECOND


def _in_range(ms: int, key: str, where: str) -> int:
    if 0 < ms < LATEST_MS:
        return ms
    raise BadValueError(at_path(where, key), "is not an instant between 1970 and 2100")


def from_milliseconds(ms: int) -> datetime:
    """Exact: a float of seconds holds every millisecond until 2100."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class Moment(NamedTuple):
    """When it happened."""

    ms: int
    key: str
    """The time as a part of event ids: empty where only the receipt tells it, since two
    receipts of one happening must give one id."""
    estimated: bool = False
    """The item itself told no time."""


def told(ms: int) -> Moment:
    return Moment(ms, str(ms))


def estimated(ms: int) -> Moment:
    """The item tells no time, but something else in the body does."""
    return Moment(ms, str(ms), estimated=True)


def at_receipt(received_at: datetime) -> Moment:
    return Moment(round(received_at.timestamp() * 1000), "", estimated=True)
