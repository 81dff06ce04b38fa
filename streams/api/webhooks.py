"""`GET|POST|DELETE /hook/webhook`: who is told what of a profile."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from schemas.base import Instant
from schemas.hooks import HookRecord
from streams import public_addresses
from streams.api import states, waiting
from streams.api.access import Admin, Caller, Reader
from streams.api.documents import errors
from streams.api.errors import Problem
from streams.api.hook_changes import HookChange, known, of_caller, with_replays
from streams.api.replays import Replayed
from streams.api.replays import shown as replay_shown
from streams.api.shapes import ApiModel, Identifier, Success
from streams.hooks.directory import deleted, new_hook, of_profile, renewed
from streams.hooks.signing import new_secret, secret_for

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
    replays: list[Replayed] | None = Field(default=None, description="Those that go on.")


@router.get(
    "/hook/webhook",
    summary="The webhooks of a profile",
    response_model_exclude_none=True,
    responses=errors("hooks_unknown"),
)
async def webhooks(caller: Reader) -> Webhooks:
    found = of_caller(caller)
    replays = of_profile(known(caller.resources), caller.profile, replays=True)
    newest = found[-1] if found else None
    return Webhooks(
        messages=newest.url if newest else None,
        messages_updated=newest.updated_at if newest else None,
        webhooks=[_shown(one) for one in found],
        replays=[replay_shown(one) for one in replays] or None,
    )


@router.post(
    "/hook/webhook",
    summary="Register a webhook",
    response_model_exclude_none=True,
    responses=errors(
        "profile_not_found", "webhook_address_refused", "too_many_webhooks", "hooks_unknown",
        "archive_unavailable", "idempotency_key_reused", "too_many_webhook_changes",
    ),
)  # fmt: skip
async def subscribe(
    body: Subscribe, caller: Admin, idempotency_key: waiting.IdempotencyKey = None
) -> Subscribed:
    """Everything that happens from now on is posted to the address. Another address of the same
    action is another webhook; the same one again is renewed: with another secret (the old one
    signs beside it for 24 hours), and working again where it was disabled."""
    resources = caller.resources
    change = HookChange.of(caller, "subscribe", idempotency_key, body.model_dump())
    async with resources.changing_hooks(caller.profile):
        done = change.done_before(known(resources))
        if done:
            [(hook, request)] = done
            made = secret_for(change.request_id, caller.given) if request.made_secret else None
            return _subscribed(body, hook, made)
        await _check(body.url, allow_private=resources.settings.hook_allow_private)
        hook, made = await _registered(body, caller, change)
        await resources.write_hooks([change.noted(hook, made_secret=bool(made))])
        await _ended_with_its_profile(hook, caller)
    return _subscribed(body, hook, made)


async def _ended_with_its_profile(hook: HookRecord, caller: Caller) -> None:
    """Whoever deletes the profile looks for webhooks after its end is told: one that is written
    later ends itself. Raises Problem."""
    resources = caller.resources
    await resources.caught_up(caller.profile)
    try:
        await states.existing(resources.asking, caller.profile, resources.now())
    except Problem:
        await resources.write_hooks([deleted(hook, resources.now())])
        raise


async def _registered(
    body: Subscribe, caller: Caller, change: HookChange
) -> tuple[HookRecord, str | None]:
    """The subscription, new or renewed, and the secret that was made for it. Raises Problem."""
    resources = caller.resources
    others = of_caller(caller)
    await resources.caught_up(caller.profile)
    profile = await states.existing(resources.asking, caller.profile, resources.now())
    same = [one for one in others if (one.action, one.url) == (body.action, body.url)]
    if same:
        return renewed(same[0], body.secret, resources.now()), None
    if len(others) >= MOST:
        raise Problem("too_many_webhooks", f"At most {MOST} for one profile.")
    made = None
    if body.secret is None:
        made = new_secret() if change.mark is None else secret_for(change.request_id, caller.given)
    hook = new_hook(
        profileid=caller.profile,
        action=body.action,
        url=body.url,
        secret=body.secret or made or "",
        reference=profile.reference or profile.id,
        place=await resources.place_now(caller.profile),
        at=resources.now(),
    )
    before = resources.hooks.records.get(hook.hook_id)
    requests = before.requests if before is not None else ()
    return hook.model_copy(update={"requests": requests}), made


@router.delete(
    "/hook/webhook",
    summary="Remove webhooks",
    responses=errors(
        "webhook_not_found", "hooks_unknown", "idempotency_key_reused", "too_many_webhook_changes"
    ),
)
async def unsubscribe(
    body: Unsubscribe, caller: Admin, idempotency_key: waiting.IdempotencyKey = None
) -> Unsubscribed:
    resources = caller.resources
    change = HookChange.of(caller, "unsubscribe", idempotency_key, body.model_dump())
    async with resources.changing_hooks(caller.profile):
        if change.done_before(known(resources)):
            return Unsubscribed(action=body.action)
        found = [
            one
            for one in of_caller(caller)
            if one.action == body.action and body.url in {None, one.url}
        ]
        if not found:
            raise Problem("webhook_not_found")
        at = resources.now()
        ending = with_replays(found, known(resources))
        await resources.write_hooks([change.noted(deleted(one, at)) for one in ending])
    return Unsubscribed(action=body.action)


def _subscribed(body: Subscribe, hook: HookRecord, made: str | None) -> Subscribed:
    return Subscribed(
        action=body.action, url=body.url, ref_id=hook.reference, id=hook.hook_id, secret=made
    )


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
        why = public_addresses.malformed(url, frozenset({"http", "https"}))
    else:
        why = await public_addresses.why_not(url, frozenset({"https"}))
    if why is not None:
        raise Problem("webhook_address_refused", f"The webhook's address {why}.")
