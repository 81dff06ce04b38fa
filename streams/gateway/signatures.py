"""How each provider signs its webhooks: pure functions, to verify and, for stand-ins, to sign.

Signatures are HMAC-SHA256 over the raw body. They are compared in their written form, not
decoded: hex and base64 have several spellings of one digest, and only the provider's own counts.
All live secrets are tried every time, so the time taken does not tell which one matched.
"""

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

# Names are in lower case, as ASGI servers hand them over.
AYRSHARE_SIGNATURE = b"x-authorization-content-sha256"
AYRSHARE_SIGNATURE_V2 = b"x-authorization-content-sha256-v2"
"""Sent beside the first while a secret rotates; which of them holds which secret is not documented,
so either may match under any live secret."""
AYRSHARE_TIMESTAMP = b"x-authorization-timestamp"
META_SIGNATURE = b"x-hub-signature-256"
X_SIGNATURE = b"x-twitter-webhooks-signature"

_PREFIX = b"sha256="
_MILLISECONDS_FROM = 10**11
"""A timestamp from here on is milliseconds: as seconds it would be the year 5138."""
_LONGEST_TIMESTAMP = 20
"""Digits; longer ones are no time, and converting them would cost more than refusing."""


class Refusal(StrEnum):
    """Why a delivery is not trusted. For our logs; the sender is told only that it is not."""

    NO_SECRET = "no_secret_configured"  # noqa: S105 - the reason, not a secret
    ABSENT = "signature_absent"
    MALFORMED = "signature_header_malformed"
    MISMATCH = "signature_mismatch"
    UNTIMELY = "timestamp_outside_tolerance"


def single_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """ASGI's header pairs by name. A name that is repeated gets an empty value: which of two
    signatures a proxy in front has looked at can't be known, so neither counts.
    """
    found = dict(raw)
    if len(found) != len(raw):
        seen: set[bytes] = set()
        for name, _ in raw:
            if name in seen:
                found[name] = b""
            seen.add(name)
    return found


def check_meta(
    secrets: Sequence[bytes], headers: Mapping[bytes, bytes], body: bytes
) -> Refusal | None:
    """`X-Hub-Signature-256: sha256=<hex, lower case>` under one of the app secrets."""
    return _check_prefixed(META_SIGNATURE, _hex, secrets, headers, body)


def check_x(
    secrets: Sequence[bytes], headers: Mapping[bytes, bytes], body: bytes
) -> Refusal | None:
    """`x-twitter-webhooks-signature: sha256=<base64>` under one of the consumer secrets."""
    return _check_prefixed(X_SIGNATURE, _base64, secrets, headers, body)


def check_ayrshare(
    secrets: Sequence[bytes], headers: Mapping[bytes, bytes], body: bytes
) -> Refusal | None:
    """A digest in either signature header, as hex or base64 (Ayrshare's docs do not say which),
    under one of the webhook secrets.
    """
    if not secrets:
        return Refusal.NO_SECRET
    given = [headers[n] for n in (AYRSHARE_SIGNATURE, AYRSHARE_SIGNATURE_V2) if n in headers]
    if not given:
        return Refusal.ABSENT
    if not all(given):
        return Refusal.MALFORMED
    digests = [_digest(secret, body) for secret in secrets]
    expected = [form(digest) for digest in digests for form in (_hex, _base64)]
    matches = [_is_one_of(signature, expected) for signature in given]
    return None if any(matches) else Refusal.MISMATCH


def check_ayrshare_time(
    headers: Mapping[bytes, bytes], now: float, tolerance_seconds: int
) -> Refusal | None:
    """`X-Authorization-Timestamp`, UNIX seconds (milliseconds are understood), near `now`.

    Worth little: Ayrshare signs the body and not this time, so whoever can replay a body can also
    give it a fresh time. It stops thoughtless replays, such as a proxy that resends an old
    request; against the others stands that the same happening has the same event id. For the same
    reason an absent time is let through: demanding one would stop nobody. 0 turns the check off.
    """
    value = headers.get(AYRSHARE_TIMESTAMP)
    if value is None or tolerance_seconds == 0:
        return None
    if not value.isdigit() or len(value) > _LONGEST_TIMESTAMP:
        return Refusal.MALFORMED
    at = int(value)
    seconds = at / 1000 if at >= _MILLISECONDS_FROM else at
    return None if abs(now - seconds) <= tolerance_seconds else Refusal.UNTIMELY


def sign_meta(secret: str, body: bytes) -> dict[str, str]:
    """The headers under which Meta would send this body."""
    return {"X-Hub-Signature-256": "sha256=" + _hex(_digest(secret.encode(), body)).decode()}


def sign_x(secret: str, body: bytes) -> dict[str, str]:
    """The headers under which X would send this body."""
    signature = _base64(_digest(secret.encode(), body)).decode()
    return {"x-twitter-webhooks-signature": "sha256=" + signature}


def sign_ayrshare(
    secret: str, body: bytes, at: datetime, *, next_secret: str | None = None
) -> dict[str, str]:
    """The headers under which Ayrshare would send this body; two signatures with `next_secret`."""
    headers = {
        "X-Authorization-Timestamp": str(int(at.timestamp())),
        "X-Authorization-Content-SHA256": _hex(_digest(secret.encode(), body)).decode(),
    }
    if next_secret is not None:
        rotated = _hex(_digest(next_secret.encode(), body)).decode()
        headers["X-Authorization-Content-SHA256-V2"] = rotated
    return headers


def x_challenge_response(secret: bytes, token: bytes) -> str:
    """What X expects as `response_token` of its challenge (CRC) for this `crc_token`."""
    return "sha256=" + _base64(_digest(secret, token)).decode()


def _digest(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


def _base64(digest: bytes) -> bytes:
    return base64.b64encode(digest)


def _check_prefixed(
    name: bytes,
    form: Callable[[bytes], bytes],
    secrets: Sequence[bytes],
    headers: Mapping[bytes, bytes],
    body: bytes,
) -> Refusal | None:
    if not secrets:
        return Refusal.NO_SECRET
    given = headers.get(name)
    if given is None:
        return Refusal.ABSENT
    if not given.startswith(_PREFIX):
        return Refusal.MALFORMED
    expected = [_PREFIX + form(_digest(secret, body)) for secret in secrets]
    return None if _is_one_of(given, expected) else Refusal.MISMATCH


def _is_one_of(given: bytes, expected: Sequence[bytes]) -> bool:
    """Compares with all of them, each in constant time."""
    found = False
    for candidate in expected:
        found |= hmac.compare_digest(given, candidate)
    return found
