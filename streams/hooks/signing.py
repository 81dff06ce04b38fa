"""The headers of a webhook: Ayrshare's, and those of Standard Webhooks (standardwebhooks.com).

Ayrshare signs the body with HMAC-SHA256 (X-Authorization-Content-SHA256, hex); the time beside it
is not signed. Standard Webhooks signs id, time and body together, so that an old delivery can't be
played again: new receivers should check that one.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits in the form of Standard Webhooks."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_for(request_id: str, api_key: str) -> str:
    """The same for a repetition of the request, at whichever gateway; of use to nobody without the
    API key, which is 256 random bits."""
    made = hmac.digest(api_key.encode(), b"webhook secret " + request_id.encode(), "sha256")
    return _PREFIX + base64.b64encode(made).decode()


def headers(
    signing: Sequence[str],
    *,
    event_id: str,
    attempt: int,
    at: int,
    body: bytes,
    replay_id: str | None = None,
) -> dict[str, str]:
    """`signing`: the secret, and behind it the one that it replaces while receivers change over.
    `at` in Unix seconds. `replay_id` where it is told once more."""
    signed = f"{event_id}.{at}.".encode() + body
    standard = [base64.b64encode(_digest(_key(one), signed)).decode() for one in signing]
    found = {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{one}" for one in standard),
        "X-Authorization-Timestamp": str(at),
        "X-Ayrshare-Delivery-Id": event_id,
        "X-Ayrshare-Delivery-Attempt": str(attempt),
    }
    if replay_id is not None:
        found["X-Dmstream-Replay"] = replay_id
    names = ("X-Authorization-Content-SHA256", "X-Authorization-Content-SHA256-V2")
    for name, one in zip(names, signing, strict=False):
        found[name] = _digest(one.encode(), body).hex()
    return found


def _key(secret: str) -> bytes:
    """What Standard Webhooks' libraries take: the bytes behind `whsec_`. A secret of another form
    is used as it is."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _digest(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()
