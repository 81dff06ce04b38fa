"""Records of `dm.backfills.v1`: accounts whose provider is to be asked for history.

Key: profile_id. The conversations worker writes them when an account becomes linked and active, and
for `BackfillHistory` commands; the delivery worker fetches. The same request again is one request.
"""

from typing import Literal

from schemas.base import Instant, Model, Platform, Provider


class BackfillRequest(Model):
    request_id: str
    """A pure function of what asks (schemas.ids): on every event that it leads to as
    `causationid`."""
    profileid: str
    provider: Provider
    platform: Platform
    account_id: str
    """Empty where the provider names the platform only."""
    asked_at: Instant
    """Since when it is due."""
    origin: Literal["link", "command"]
    credential: str | None = None
    """The credential's name, where the link said it."""
    correlationid: str | None = None

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()
