"""`GET|POST|DELETE /hook/webhook`: who is told what of a profile."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from schemas.base import Instant
from schemas.hooks import HookRecord
from streams import public_addresses
from streams.api import states
from streams.api.access import Admin, Caller, Reader
from streams.api.documents import errors
from streams.api.errors import Problem
from streams.api.shapes import ApiModel, Identifier, Success
from streams.hooks.directory import deleted, new_hook, renewed
from streams.hooks.signing import new_secret

router = APIRouter(tags=["webhooks"])

MOST = 20
"""Webhooks of one profile."""

Action = Literal["messages"]
WebAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000, pattern=r"^[\x21-\x7e]+$"),
    Field(
        description="https, final (redirects are not followed), on the public internet.",
        examples=["https://hooks.example.com/messages"],
    ),
]
Secret = Annotated[
    str,
    StringConstraints(min_length=16, max_length=200, pattern=r"^[\x21-\x7e]+$"),
    Field(
        description="Signs what is posted; never shown again. Of the form `whsec_<base64>` for the"
        " libraries of Standard Webhooks. Where absent one is made, and told in this answer only."
    ),
]


class Subscribe(ApiModel):
    action: Action = Field(
        description="messages: messages, reactions, receipts.", examples=["messages"]
    )
    url: WebAddress
    secret: Secret | None = None


class Subscribed(ApiModel):
    status: Success = "success"
    action: Action
    url: str
    ref_id: str
    id: Identifier
    secret: str | None = Field(default=None, description="Only where it was made here.")


class Unsubscribe(ApiModel):
    action: Action = Field(examples=["messages"])
    url: WebAddress | None = Field(default=None, description="That one only; else all.")


class Unsubscribed(ApiModel):
    status: Success = "success"
    action: Action


class Webhook(ApiModel):
    id: str
    action: Action
    url: str
    created: Instant
    updated: Instant
    disabled: Instant | None = Field(
        default=None, description="It took nothing for days; register it again."
    )
    disabled_reason: str | None = None


class Webhooks(ApiModel):
    """Ayrshare's flat members name the newest of an action."""

    status: Success = "success"
    messages: str | None = Field(default=None, description="Its address.")
    messages_updated: Instant | None = None
    webhooks: list[Webhook]


@router.get(
    "/hook/webhook",
    summary="The webhooks of a profile",
    response_model_exclude_none=True,
    responses=errors("hooks_unknown"),
)
async def webhooks(caller: Reader) -> Webhooks:
    found = _of(caller)
    newest = found[-1] if found else None
    return Webhooks(
        messages=newest.url if newest else None,
        messages_updated=newest.updated_at if newest else None,
        webhooks=[_shown(one) for one in found],
    )


@router.post(
    "/hook/webhook",
    summary="Register a webhook",
    response_model_exclude_none=True,
    responses=errors(
        "profile_not_found", "webhook_address_refused", "too_many_webhooks", "hooks_unknown",
        "archive_unavailable",
    ),
)  # fmt: skip
async def subscribe(body: Subscribe, caller: Admin) -> Subscribed:
    """Everything that happens from now on is posted to the address. Another address of the same
    action is another webhook; the same one again is renewed: with another secret (the old one
    signs beside it for 24 hours), and working again where it was disabled."""
    resources = caller.resources
    await _check(body.url, allow_private=resources.settings.hook_allow_private)
    known = _of(caller)
    await resources.caught_up(caller.profile)
    profile = await states.existing(resources.asking, caller.profile, resources.now())
    same = [one for one in known if (one.action, one.url) == (body.action, body.url)]
    made = None
    if same:
        hook = renewed(same[0], body.secret, resources.now())
    else:
        if len(known) >= MOST:
            raise Problem("too_many_webhooks", f"At most {MOST} for one profile.")
        made = None if body.secret else new_secret()
        hook = new_hook(
            profileid=caller.profile,
            action=body.action,
            url=body.url,
            secret=body.secret or made or "",
            reference=profile.reference or profile.id,
            place=await resources.place_now(caller.profile),
            at=resources.now(),
        )
    await resources.write_hooks([hook])
    return Subscribed(
        action=hook.action, url=hook.url, ref_id=hook.reference, id=hook.hook_id, secret=made
    )


@router.delete(
    "/hook/webhook",
    summary="Remove webhooks",
    responses=errors("webhook_not_found", "hooks_unknown"),
)
async def unsubscribe(body: Unsubscribe, caller: Admin) -> Unsubscribed:
    found = [
        one for one in _of(caller) if one.action == body.action and body.url in {None, one.url}
    ]
    if not found:
        raise Problem("webhook_not_found")
    at = caller.resources.now()
    await caller.resources.write_hooks([deleted(one, at) for one in found])
    return Unsubscribed(action=body.action)


def _of(caller: Caller) -> list[HookRecord]:
    directory = caller.resources.hooks
    if not directory.is_known:
        raise Problem("hooks_unknown", retry_after=2)
    return directory.of_profile(caller.profile)


def _shown(hook: HookRecord) -> Webhook:
    return Webhook(
        id=hook.hook_id,
        action=hook.action,
        url=hook.url,
        created=hook.created_at,
        updated=hook.updated_at,
        disabled=hook.disabled_at,
        disabled_reason=hook.disabled_reason,
    )


async def _check(url: str, *, allow_private: bool) -> None:
    """It is checked again whenever it is connected to. Raises Problem."""
    if allow_private:
        return
    why = await public_addresses.why_not(url, frozenset({"https"}))
    if why is not None:
        raise Problem("webhook_address_refused", f"The webhook's address {why}.")
