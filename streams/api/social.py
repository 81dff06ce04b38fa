"""`POST|DELETE /profiles/social`: link and unlink a profile's accounts."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from schemas import commands
from schemas.events import AccountUnlinked
from sinks.reading import profiles
from streams.api import states, waiting
from streams.api.access import Admin, Caller
from streams.api.carrying import Asked, Step, carry_out, claiming, told_before
from streams.api.claims import Claim
from streams.api.documents import errors, pending
from streams.api.errors import Problem
from streams.api.profile_shapes import AccountAnswer, LinkAccount, UnlinkAccount
from streams.api.profiles import unlinking
from streams.api.shapes import ours, theirs

router = APIRouter(tags=["profiles"])

_SHARED = frozenset({"ayrshare"})
"""Providers whose webhooks name a profile and not an account: several may have the same one."""

_PENDING = pending("Decided later: ask at Location, then make the request again with its key.")


@router.post(
    "/profiles/social",
    summary="Link an account",
    response_model=AccountAnswer,
    responses=_PENDING
    | errors(
        "profile_not_found",
        "account_of_another",
        "account_being_linked",
        "invalid_command",
        "archive_unavailable",
        "credential_not_allowed",
        "idempotency_key_reused",
    ),
)
async def link(
    body: LinkAccount,
    caller: Admin,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | AccountAnswer:
    """It replaces another of the same network and provider. On Facebook and Instagram it must be
    done again after messaging was turned on."""
    if caller.key.profiles and body.credential is not None:
        raise Problem("credential_not_allowed")  # it may be another account's: who knows whose
    asked = Asked(
        caller.resources, caller.profile, "link", idempotency_key, prefer, body.model_dump()
    )
    if caller.key.profiles:
        await _refuse_of_another(body, caller)  # before it may keep others from their own account
    async with claiming(caller.resources, caller.profile, body.account_id) as claim:
        pending_one = await _link(body, caller, asked, claim)
        claim.is_decided = pending_one is None
    if pending_one is not None:
        return pending_one
    return AccountAnswer(
        platform=theirs(ours(body.platform)), account_id=body.account_id, linked=True
    )


async def _refuse_of_another(body: LinkAccount, caller: Caller) -> None:
    """Raises Problem where a key of some profiles asks for another's account, whose webhooks would
    come to this profile from now on; and where the archive does not know yet."""
    resources = caller.resources
    place = (body.provider, ours(body.platform), body.account_id)
    if not await resources.caught_up(None):
        raise Problem("archive_unavailable", retry_after=5)
    if caller.key.profiles and await profiles.others_with(resources.asking, caller.profile, *place):
        raise Problem("account_of_another")


async def _link(body: LinkAccount, caller: Caller, asked: Asked, claim: Claim) -> Response | None:
    resources = caller.resources
    place = (body.provider, ours(body.platform), body.account_id)
    await _refuse_of_another(body, caller)
    await states.existing(resources.asking, caller.profile, resources.now())

    def make(envelope: dict[str, Any]) -> commands.AnyCommand:
        return commands.LinkAccount(
            **envelope,
            provider=body.provider,
            platform=ours(body.platform),
            account_id=body.account_id,
            credential=body.credential,
        )

    identity = asked.identity()
    claim.command_id = identity.command_id
    pending_one = await carry_out(asked, Step(make, identity=identity))
    if body.provider not in _SHARED:
        for owner in await profiles.with_account(resources.asking, *place):
            if owner != caller.profile:
                await _take_from(owner, body, asked)
    return pending_one


async def _take_from(owner: str, body: LinkAccount, asked: Asked) -> None:
    """An account has one owner: where its inbound goes, from there its messages leave."""
    account = states.Account(body.provider, ours(body.platform), body.account_id, 0, active=False)
    former = replace(asked, profile=owner, kind="link:former")
    await carry_out(former, unlinking(account, "it was linked to another profile"))


@router.delete(
    "/profiles/social",
    summary="Unlink an account",
    response_model=AccountAnswer,
    responses=_PENDING | errors("profile_not_found", "account_not_found", "idempotency_key_reused"),
)
async def unlink(
    body: UnlinkAccount,
    caller: Admin,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | AccountAnswer:
    resources = caller.resources
    await resources.caught_up(caller.profile)
    profile = await states.existing(resources.asking, caller.profile, resources.now())
    platform = ours(body.platform)
    found = [
        one
        for one in profile.accounts(resources.rules)
        if one.platform == platform and body.account_id in {None, one.account_id}
    ]
    asked = Asked(resources, caller.profile, "unlink", idempotency_key, prefer, body.model_dump())
    done = [one for one in await told_before(asked) if isinstance(one, AccountUnlinked)]
    account_ids = [*(one.data.account_id for one in done), *(one.account_id for one in found)]
    if not account_ids:
        raise Problem("account_not_found")
    if found:
        pending_one = await carry_out(asked, *(unlinking(one, None) for one in found))
        if pending_one is not None:
            return pending_one
    return AccountAnswer(platform=theirs(platform), account_id=account_ids[0], linked=False)
