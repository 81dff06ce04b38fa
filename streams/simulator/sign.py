"""What each provider signs, and how: the headers of its POST.

Written from the providers' documents alone. The gateway has its own module that verifies; the two
must not share code, so that each checks the other.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from pydantic import SecretStr

from schemas.base import Provider
from streams.settings import Settings


class SecretMissingError(Exception):
    """The settings name no secret for a provider whose webhooks are to be signed."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """One secret a provider: Ayrshare's webhook secret, Meta's app secret, X's consumer secret."""

    by_provider: dict[Provider, SecretStr]

    @classmethod
    def from_settings(cls, settings: Settings, providers: tuple[Provider, ...]) -> "Secrets":
        """The first of each. Raises SecretMissingError with the name of the variable to set."""
        configured: dict[Provider, tuple[str, tuple[SecretStr, ...]]] = {
            "ayrshare": ("DM_AYRSHARE_SECRETS", settings.ayrshare_secrets),
            "meta": ("DM_META_APP_SECRETS", settings.meta_app_secrets),
            "x": ("DM_X_CONSUMER_SECRETS", settings.x_consumer_secrets),
        }
        for provider in providers:
            variable, secrets = configured[provider]
            if not secrets:
                raise SecretMissingError(
                    f"{variable} is empty: set it to the gateway's, or leave {provider} out"
                )
        return cls({provider: configured[provider][1][0] for provider in providers})

    def of(self, provider: Provider) -> bytes:
        return self.by_provider[provider].get_secret_value().encode()


def headers(provider: Provider, secret: bytes, body: bytes, *, at_seconds: int) -> dict[str, str]:
    """The signature's headers. `at_seconds` is the real time of sending: receivers compare it."""
    if provider == "ayrshare":
        return _ayrshare(secret, body, at_seconds)
    return _meta(secret, body) if provider == "meta" else _x(secret, body)


def _ayrshare(secret: bytes, body: bytes, at_seconds: int) -> dict[str, str]:
    """Over the body only; the time is told beside it. Hex: the documents leave the form open."""
    return {
        "X-Authorization-Timestamp": str(at_seconds),
        "X-Authorization-Content-SHA256": hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


def _meta(secret: bytes, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()}


def _x(secret: bytes, body: bytes) -> dict[str, str]:
    digest = hmac.digest(secret, body, "sha256")
    return {"x-twitter-webhooks-signature": "sha256=" + base64.b64encode(digest).decode()}
