"""History: the question, on `dm.backfills.v1`, and the answer, `history.backfilled`.

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


class HistoryBackfilled(Model):
    """The body of `history.backfilled`."""

    provider: Provider
    platform: Platform
    account_id: str
    """Empty where the provider names the platform only."""
    conversations: int = 0
    messages: int = 0
    """Messages read: where a worker was killed on the way, some count twice here (and nowhere
    else)."""
    skipped: int = 0
    """Items that are no messages between two, or that could not be placed."""
    asked_at: Instant | None = None
    """Which question this answers: when the account was linked or activated, or the command was
    written."""
