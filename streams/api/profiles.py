"""`GET /user` and `/profiles`: profiles and their settings, by commands and from the archive."""

import hashlib
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from schemas import commands
from schemas.data import LimitChanged
from schemas.events import MessagingDeactivated
from sinks.reading import profiles
from sinks.reading.asking import ArchiveAway
from streams.api import cursors, existing, hook_changes, states, waiting
from streams.api.access import Admin, AdminOfAll, Caller, Reader
from streams.api.carrying import Asked, Step, carry_out, claiming, told_before, told_of
from streams.api.documents import errors, pending
from streams.api.errors import Problem
from streams.api.performing import Identity
from streams.api.profile_shapes import (
    ChangeProfile,
    CreatedAt,
    CreateProfile,
    DeletedAnswer,
    DisplayName,
    ProfileAnswer,
    ProfilesAnswer,
    UserAnswer,
    shape_of,
)
from streams.api.shapes import theirs
from streams.conversation import settings, switch
from streams.conversation.deletion import DELETED
from streams.conversation.instants import from_ms
from streams.conversation.zones import is_zone

router = APIRouter(tags=["profiles"])

_MOST = 100
_PENDING = pending("Decided later: ask at Location, then make the request again with its key.")


@router.get(
    "/user",
    summary="The profile: messaging, the month's count, its accounts",
    response_model_exclude_none=True,
    responses=errors("profile_not_found", "archive_unavailable"),
)
async def user(caller: Reader) -> UserAnswer:
    resources = caller.resources
    current = await resources.caught_up(caller.profile)
    now, rules = resources.now(), resources.rules
    profile = await states.existing(resources.asking, caller.profile, now)
    shape = shape_of(profile, rules)
    created = profile.registered_at
    return UserAnswer(
        title=profile.title,
        ref_id=shape.ref_id,
        created=created
        and CreatedAt(
            seconds=int(created.timestamp()),
            nanoseconds=created.microsecond * 1000,
            utc=created,
        ),
        active_social_accounts=shape.active_social_accounts,
        display_names=[
            DisplayName(
                platform=theirs(one.platform),
                id=one.account_id,
                messaging_active=one.active,
                linked=from_ms(one.linked_at),
            )
            for one in profile.accounts(rules)
        ],
        messaging_enabled=rules.messaging_on and switch.is_on(profile.state),
        messaging_conversation_monthly_count=profile.active_conversations(now, rules),
        messaging_conversation_monthly_limit=settings.monthly_limit(profile.state, rules),
        month_zone=settings.month_zone(profile.state, rules),
        is_current=current,
    )


@router.get(
    "/profiles",
    summary="List profiles",
    response_model_exclude_none=True,
    responses=errors("invalid_cursor", "archive_unavailable"),
)
async def list_profiles(
    caller: AdminOfAll,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _MOST,
    following: Annotated[str | None, Query(alias="next", max_length=2_000)] = None,
) -> ProfilesAnswer:
    """Deleted ones are left out, so that a page may be shorter than `limit`."""
    after = cursors.read(following, ["profiles"], str)[0] if following is not None else ""
    asking = caller.resources.asking
    ids, last = await profiles.page(asking, limit=limit, after=str(after))
    found = await states.profiles(asking, ids)
    shapes = [shape_of(profile, caller.resources.rules) for profile in found]
    return ProfilesAnswer(
        profiles=shapes,
        count=len(shapes),
        next=None if last is None else cursors.write(["profiles"], [last]),
    )


@router.post(
    "/profiles",
    summary="Register a profile",
    response_model=ProfileAnswer,
    response_model_exclude_none=True,
    responses=_PENDING
    | errors(
        "idempotency_key_reused", "reference_in_use", "account_being_linked", "archive_unavailable"
    ),
)
async def create(
    body: CreateProfile,
    caller: AdminOfAll,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | ProfileAnswer:
    """Keep `profileKey`: it names the profile in the header Profile-Key from now on. `refId` is
    what Ayrshare's webhooks call it; no two profiles have the same one."""
    profile = _new_profile(caller, idempotency_key)
    resources = caller.resources
    asked = Asked(resources, profile, "create", idempotency_key, prefer, body.model_dump())
    identity = asked.identity()
    if body.ref_id is None:
        return await _create(body, asked, identity)
    async with claiming(resources, profile, f"refId {body.ref_id}") as claim:
        await _refuse_taken(caller, profile, body.ref_id)
        claim.command_id = identity.command_id
        answer = await _create(body, asked, identity)
        claim.is_decided = not isinstance(answer, Response)
    return answer


async def _refuse_taken(caller: Caller, profile: str, reference: str) -> None:
    """Raises Problem where Ayrshare's webhooks of this refId go to another profile: it would lose
    them to the new one."""
    resources = caller.resources
    owners = {resources.claims.owner_of("ayrshare", reference) or reference, reference} - {profile}
    if await states.profiles(resources.asking, sorted(owners)):
        raise Problem("reference_in_use")


async def _create(
    body: CreateProfile, asked: Asked, identity: Identity
) -> Response | ProfileAnswer:
    def register(envelope: dict[str, Any]) -> commands.AnyCommand:
        return commands.RegisterProfile(**envelope, title=body.title, reference=body.ref_id)

    steps = [Step(register, identity=identity)]
    if body.messaging_active:
        steps.append(Step(lambda envelope: commands.ActivateMessaging(**envelope), "messaging"))
    if len(steps) > 1 and asked.key is not None:
        await asked.resources.caught_up(asked.profile)
    return await _changed(asked, *steps, new_profile=asked.profile)


@router.patch(
    "/profiles",
    summary="Change a profile",
    response_model=ProfileAnswer,
    response_model_exclude_none=True,
    responses=_PENDING | errors("profile_not_found", "invalid_command", "idempotency_key_reused"),
)
async def change(
    body: ChangeProfile,
    caller: Admin,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | ProfileAnswer:
    resources = caller.resources
    if body.month_zone is not None and not is_zone(body.month_zone):
        raise Problem("invalid_request", "monthZone is not an IANA name, such as Europe/Berlin.")
    await resources.caught_up(caller.profile)
    await states.existing(resources.asking, caller.profile, resources.now())
    steps: list[Step] = []
    if body.title is not None:
        steps.append(
            Step(
                lambda envelope: commands.RegisterProfile(
                    **envelope, title=body.title, renames=True
                ),
                "title",
            )
        )
    if body.messaging_active is not None:
        kind = commands.ActivateMessaging if body.messaging_active else commands.DeactivateMessaging
        steps.append(Step(lambda envelope: kind(**envelope), "messaging"))
    limits = LimitChanged(
        monthly_limit=body.messaging_conversation_monthly_limit, month_zone=body.month_zone
    )
    if limits != LimitChanged():
        steps.append(
            Step(lambda envelope: commands.ChangeLimit(**envelope, change=limits), "limits")
        )
    # Its first has the request's own id, whatever it does: another body under the key meets it.
    steps[0] = Step(steps[0].make)
    asked = Asked(resources, caller.profile, "change", idempotency_key, prefer, body.model_dump())
    return await _changed(asked, *steps)


@router.delete(
    "/profiles",
    summary="Delete a profile",
    response_model=DeletedAnswer,
    responses=_PENDING | errors("profile_not_found", "hooks_unknown"),
)
async def delete(
    caller: Admin,
    prefer: waiting.Prefer = None,
    idempotency_key: waiting.IdempotencyKey = None,
) -> Response | DeletedAnswer:
    """Its accounts are unlinked, messaging is off, and it is shown no more; its webhooks end.
    Its history stays in the archive: what happened does not unhappen."""
    resources = caller.resources
    await resources.caught_up(caller.profile)
    asked = Asked(resources, caller.profile, "delete", idempotency_key, prefer, {})
    profile = await states.profile(resources.asking, caller.profile, resources.now())
    if profile.deleted:  # whoever deleted it may not have come so far
        await hook_changes.end_all(caller, everywhere=True)
    if any(isinstance(one, MessagingDeactivated) for one in await told_before(asked)):
        return DeletedAnswer(ref_id=profile.reference or profile.id)
    if not profile.exists:
        raise Problem("profile_not_found")
    await hook_changes.end_all(caller)  # so that they are not told of the end
    steps = [
        unlinking(account, "the profile was deleted")
        for account in profile.accounts(resources.rules)
    ]
    steps.append(Step(lambda envelope: commands.DeactivateMessaging(**envelope, reason=DELETED)))
    pending_one = await carry_out(asked, *steps)
    if pending_one is not None:
        return pending_one
    await resources.caught_up(caller.profile)
    existing.forget(resources, caller.profile)
    # Once more: until now the profile was there, and one could be registered, at any gateway.
    await hook_changes.end_all(caller, everywhere=True)
    return DeletedAnswer(ref_id=profile.reference or profile.id)


def unlinking(account: states.Account, reason: str | None) -> Step:
    def make(envelope: dict[str, Any]) -> commands.AnyCommand:
        return commands.UnlinkAccount(
            **envelope,
            provider=account.provider,
            platform=account.platform,
            account_id=account.account_id,
            reason=reason,
        )

    return Step(make, f"{account.provider}:{account.platform}:{account.account_id}")


def _new_profile(caller: Caller, key: str | None) -> str:
    """The same for the same Idempotency-Key, so that a repetition makes no second profile."""
    if key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{caller.key.key_id}\x1f{key}".encode()).hexdigest()[:32]


async def _changed(
    asked: Asked, *steps: Step, new_profile: str | None = None
) -> Response | ProfileAnswer:
    if len(steps) > 1:
        await told_before(asked)  # else the others' ids would be new, though the first one's is not
    told = await told_of(asked, *steps, new_profile=new_profile)
    if isinstance(told, Response):
        return told
    resources = asked.resources
    try:
        if await resources.caught_up(asked.profile):
            told = []
        found = await states.profile(resources.asking, asked.profile, resources.now(), ahead=told)
    except ArchiveAway:
        if new_profile is None:
            raise
        # It is made, and nobody could ask for its key again: all there is of it was just told.
        found = states.of_told(asked.profile, told)
    return ProfileAnswer(**shape_of(found, resources.rules).model_dump())
