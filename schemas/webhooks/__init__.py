"""Raw webhook bodies into canonical events: pure functions, one module a provider."""

from schemas.webhooks.normalise import Normalised, account_reference, normalise

__all__ = ["Normalised", "account_reference", "normalise"]
