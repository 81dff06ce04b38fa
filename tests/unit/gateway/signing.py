"""Bodies as the providers sign and send them."""

from typing import Any

from streams.gateway.signatures import sign_ayrshare, sign_meta, sign_x
from tests.unit.gateway.calls import NOW, SECRETS, call

META_BODY = b'{"object": "page", "entry":[{"id":"77","messaging":[{"text":"\\u00e4 secret"}]}]}'


def signed(provider: str, body: bytes) -> dict[str, str]:
    if provider == "ayrshare":
        return sign_ayrshare(SECRETS[provider], body, NOW)
    return {"meta": sign_meta, "x": sign_x}[provider](SECRETS[provider], body)


def post(app: Any, provider: str, body: bytes, **more: str) -> Any:
    headers = signed(provider, body) | more
    return call(app, "POST", f"/webhooks/{provider}", headers=headers, chunks=[body])
