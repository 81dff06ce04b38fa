"""Webhooks out: who wants to be told what, and what became of each attempt.

Compacted topic `dm.hooks.v1`, key: the subscription's id. Topic `dm.hook.deliveries.v1`, key:
profile.
"""

from typing import Literal

from pydantic import Field

from schemas.base import Instant, Model

HookAction = Literal["messages"]
"""What can be subscribed to, in Ayrshare's words: messages, reactions and receipts."""

Attempt = Literal["delivered", "failed", "given_up", "disabled"]
"""`failed`: it is tried again. `given_up`: this event is not, the next one is. `disabled`: the
subscription stands still from here until it is made again."""


class HookRecord(Model):
    """Value of `dm.hooks.v1`. The secret is in it, since it signs: protect the topic as one
    protects credentials. One that was deleted keeps its record, without address and secret."""

    hook_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    profileid: str
    action: HookAction
    url: str = Field(repr=False)
    secret: str = Field(repr=False)
    previous_secret: str | None = Field(default=None, repr=False)
    """It signs beside the new one while receivers change over."""
    previous_until: Instant | None = None
    reference: str
    """What the payloads call the profile (`refId`)."""
    log: str
    """The incarnation of the log that `from_offset` is of."""
    from_offset: int = Field(ge=0)
    """Of the profile's partition of `dm.events.v1`: the first event that is told."""
    created_at: Instant
    updated_at: Instant
    disabled_at: Instant | None = None
    disabled_reason: str | None = None
    deleted_at: Instant | None = None

    @property
    def is_working(self) -> bool:
        return self.deleted_at is None and self.disabled_at is None


class HookDelivery(Model):
    """Value of `dm.hook.deliveries.v1`: one attempt. It holds no content and no address."""

    hook_id: str
    profileid: str
    event_id: str
    event_type: str
    attempt: int = Field(ge=1)
    at: Instant
    outcome: Attempt
    http_status: int | None = None
    error: str = ""
    """In our words, where no status came."""
    milliseconds: int = Field(ge=0)
    """From the first byte of the connection to the answer."""
    next_at: Instant | None = None
    """When it is tried again."""
