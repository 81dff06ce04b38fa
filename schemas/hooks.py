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


class HookProgress(Model):
    """Retries of a subscription, carried over a restart of the embedded broker. Instants in ms
    since 1970."""

    attempts: int = 0
    tried_since: int | None = None
    failing_since: int | None = None
    not_before: int = 0


class HookReplay(Model):
    """A range that a subscription is told once more, beside what happens meanwhile."""

    of: str = Field(pattern=r"^[0-9a-f]{16}$")
    """The subscription: it must work for as long as the replay goes on."""
    since: Instant
    """Of what we heard from then on,"""
    until: Instant
    """and before this."""
    until_offset: int = Field(ge=0)
    """Nothing of it stands at this place of the log or behind it."""
    events: int = Field(ge=0)
    """How many it was when it was asked for."""


class HookRequest(Model):
    """A request that changed the subscription under an Idempotency-Key."""

    request_id: str
    """Of the profile, the kind of request and the key, as a hash."""
    mark: str
    """Of the body."""
    at: Instant
    made_secret: bool = False
    """Its answer told a secret that was made for it."""


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
    requests: tuple[HookRequest, ...] = ()
    """The last of them, the newest at the end."""
    replay: HookReplay | None = None
    """It is no subscription of its own, but a replay for one."""
    resumed: HookProgress | None = None
    """`from_offset` is where it stood when the embedded broker ended: what was put back from the
    archive behind that place is told, too."""

    @property
    def is_working(self) -> bool:
        return self.deleted_at is None and self.disabled_at is None

    @property
    def subscription(self) -> str:
        """The id that its owner knows."""
        return self.replay.of if self.replay is not None else self.hook_id


class HookDelivery(Model):
    """Value of `dm.hook.deliveries.v1`: one attempt. It holds no content and no address."""

    hook_id: str
    replay_id: str | None = None
    """Where it was told once more."""
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
