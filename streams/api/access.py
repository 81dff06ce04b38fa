"""Who asks, for which profile, and whether they may: the key, its scopes, its rate."""

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from schemas.keys import KeyRecord, Scope
from streams.api import existing
from streams.api.errors import Problem
from streams.api.resources import Resources
from streams.api.shapes import ProfileKey

_CHALLENGE = {"www-authenticate": "Bearer"}
bearer = HTTPBearer(auto_error=False, description="A key made by `dmstream key create`.")

Named = Annotated[
    ProfileKey | None,
    Header(
        alias="Profile-Key",
        description="The profile. May be left out where the key is for exactly one.",
        examples=["shop"],
    ),
]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated request."""

    key: KeyRecord
    profile: str
    """Empty on routes that are about no profile."""
    resources: Resources
    given: str = field(repr=False)
    """The key itself, as it was sent."""


def resources_of(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


def key_of(resources: Resources, credentials: str | None) -> KeyRecord:
    """Raises Problem where no key holds, or none is known yet."""
    if not resources.keys.is_known:
        raise Problem("keys_unknown", retry_after=2)
    key = resources.keys.find(credentials) if credentials else None
    if key is None:
        resources.complaints.say("API request refused", "unauthorized")
        raise Problem("unauthorized", headers=_CHALLENGE)
    return key


def may(
    *scopes: Scope, about: Literal["profile", "all profiles", "nothing"] = "profile"
) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """A dependency: the caller, whose key has one of the scopes. Raises Problem."""

    async def caller(request: Request, given: Bearer, named: Named = None) -> Caller:
        resources = resources_of(request)
        credentials = given.credentials if given else ""
        key = key_of(resources, credentials)
        chosen = _profile(key, named) if about == "profile" else ""
        rate = resources.rates.count(key.key_id, chosen, key.rate_max, resources.monotonic())
        request.state.rate = rate
        if rate.is_over:
            raise Problem("rate_limited", retry_after=math.ceil(rate.retry_after))
        if not set(scopes) & set(key.scopes):
            needed = " or ".join(scopes)
            raise Problem("scope_missing", f"The key needs the scope {needed} for this.")
        if about == "all profiles" and key.profiles:
            raise Problem("profile_not_allowed", "This needs a key for all profiles.")
        return Caller(key, chosen, resources, credentials)

    return caller


def of_existing(*scopes: Scope) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """The same, of a profile that exists: whoever mistypes its key hears so, and nothing is written
    about a profile that is none. Raises Problem."""

    async def caller(found: Annotated[Caller, Depends(may(*scopes))]) -> Caller:
        if not await existing.may_exist(found.resources, found.profile):
            raise Problem("profile_not_found")
        return found

    return caller


def _profile(key: KeyRecord, named: str | None) -> str:
    if named is None:
        if len(key.profiles) == 1:
            return key.profiles[0]
        raise Problem("profile_key_required")
    if key.profiles and named not in key.profiles:
        raise Problem("profile_not_allowed")
    return named


Sender = Annotated[Caller, Depends(of_existing("send"))]
Reader = Annotated[Caller, Depends(may("read"))]
ReaderOfExisting = Annotated[Caller, Depends(of_existing("read"))]
SenderOrReader = Annotated[Caller, Depends(may("send", "read"))]
Admin = Annotated[Caller, Depends(may("admin"))]
AnyKey = Annotated[Caller, Depends(may("send", "read", "admin", about="nothing"))]
AdminOfAll = Annotated[Caller, Depends(may("admin", about="all profiles"))]
