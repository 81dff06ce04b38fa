"""Reading a platform's answer without trusting it, and the fallbacks that all platforms share.

A platform's own codes decide first (each provider's table). Where an answer holds none, only
the HTTP status is left, and these rules read it after RFC 9110:

- 5xx after a POST may have been delivered: the message can have been kept before the handler,
  or a proxy in front of it, gave up. 503 is the exception, where the server says that it did not
  take the request: with a Retry-After, or where the provider's own code says so. A bare 503 is
  what proxies and container platforms also send when the handler died in the middle.
- 4xx is refused for good. 429 says wait.
- 3xx is refused: redirects are not followed, the address is wrong.
- A success without the ids that a success has may have been delivered.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from streams.providers.protocol import ErrorClass, SendError
from streams.providers.waits import Wait, retry_after

Json = dict[str, Any]

_DIGITS = 19  # the longest id in use (X's)


def parse(body: bytes) -> Any:
    """The JSON value, or None where it is none. Never raises."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def parse_object(body: bytes) -> Json:
    """The JSON object, or an empty one."""
    value = parse(body)
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[Json]:
    """The objects in a value that should be an object and may be a list of them."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def integer(value: Any) -> int | None:
    """A code, whether it came as a number or as digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        return int(value)
    return None


def text(value: Any) -> str | None:
    """A non-empty string; numbers become text, since platforms send ids both ways."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def dig(value: Any, *path: str) -> Any:
    """The value under these keys, or None where anything on the way is no object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower(): value for name, value in headers.items()}


def by_status(
    platform: str,
    status: int | None,
    headers: Mapping[str, str],
    wait: Wait,
    *,
    code: int | None = None,
    subcode: int | None = None,
    says_error: bool = False,
) -> SendError:
    """What is left to say when no code of the platform's own decided.

    `says_error`: the body is the platform's error form; under a 2xx it is a refusal still.
    """

    error_class, what = _row(status, headers, says_error=says_error or code is not None)
    return SendError(
        error_class,
        f"{platform} {what}{in_brackets(status, code, subcode)}",
        code=code,
        subcode=subcode,
        http_status=status,
        retry_after_seconds=wait.seconds,
        retry_at=wait.at,
    )


def _row(
    status: int | None, headers: Mapping[str, str], *, says_error: bool
) -> tuple[ErrorClass, str]:
    row = (ErrorClass.MAYBE_DELIVERED, "gave no answer that could be read; it may have arrived")
    match (status or 0) // 100:
        case 2 if says_error:
            row = (ErrorClass.BAD_REQUEST, "refused the message")
        case 2:
            row = (ErrorClass.MAYBE_DELIVERED, "confirmed without naming a message; it may be kept")
        case 3:
            what = "answered with a redirect, which is not followed: check its address in settings"
            row = (ErrorClass.BAD_REQUEST, what)
        case 4 if status == HTTPStatus.TOO_MANY_REQUESTS:
            row = (ErrorClass.RATE_LIMITED, "asks to slow down")
        case 4:
            row = (ErrorClass.BAD_REQUEST, "refused the message")
        case 5 if status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after(headers).is_known:
            row = (ErrorClass.TRANSIENT, "is out of service and says when to come again")
        case 5:
            row = (ErrorClass.MAYBE_DELIVERED, "failed after it had the message; it may be kept")
    return row


def in_brackets(status: int | None, code: int | None, subcode: int | None) -> str:
    """` (HTTP 400, code 10, subcode 2018278)`: what to look up, in every sentence."""
    parts = [
        f"{name} {value}"
        for name, value in (("HTTP", status), ("code", code), ("subcode", subcode))
        if value is not None
    ]
    return f" ({', '.join(parts)})" if parts else ""
