"""Cursors: where a page ended, opaque to clients, and of use for one question only.

A cursor holds no right: every question asks within the profile that the key allows. What it is
bound to (profile, route, filters) keeps one that was mixed up from giving pages of nonsense.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence

import orjson

from streams.api.errors import Problem

_LONGEST = 2_000

Part = str | int


def write(question: Sequence[str | None], parts: Sequence[Part]) -> str:
    return (
        base64.urlsafe_b64encode(
            orjson.dumps([_digest(question), *parts]),
        )
        .decode()
        .rstrip("=")
    )


def read(cursor: str, question: Sequence[str | None], *kinds: type[Part]) -> list[Part]:
    """The parts, of these types. Raises Problem."""
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise Problem("invalid_cursor")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise Problem("invalid_cursor") from None
    if not isinstance(found, list) or [type(part) for part in found] != [str, *kinds]:
        raise Problem("invalid_cursor")
    digest, *parts = found
    if digest != _digest(question) or any(not _is_sane(part) for part in parts):
        raise Problem("invalid_cursor")
    return parts


def _is_sane(part: Part) -> bool:
    return isinstance(part, str) or -(2**62) < part < 2**62


def _digest(question: Sequence[str | None]) -> str:
    return hashlib.sha256(orjson.dumps(list(question))).hexdigest()[:16]
