"""The commands of one request, under one Idempotency-Key."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import Response

from schemas.commands import AnyCommand
from schemas.events import Event
from sinks.reading.asking import ArchiveAway
from streams.api import performing, states, waiting
from streams.api.claims import Claim
from streams.api.errors import Problem
from streams.api.resources import Resources
from streams.api.sending import accepted
from streams.api.verdicts import answer_of

Make = Callable[[dict[str, Any]], AnyCommand]
"""A command from its envelope."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a request."""

    make: Make
    part: str = ""
    """What it does, where the request does more, or has to find out what: a repetition gives it the
    same id then, though others were done meanwhile. Empty for the one that any such request has."""
    identity: performing.Identity | None = None
    """Where it had to be known before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all commands of a request."""

    resources: Resources
    profile: str
    kind: str
    """Of the request: one key may be used for one request of each kind."""
    key: str | None
    prefer: str | None
    body: Mapping[str, Any]

    def identity(self, part: str = "") -> performing.Identity:
        return performing.identify(
            self.profile, self.kind, self.key, self.body, self.resources, part
        )


async def told_before(asked: Asked) -> list[Event]:
    """What the archive has of the request, where its key makes it a repetition. Raises Problem
    where the key was used with another body."""
    if asked.key is None:
        return []
    return await performing.told_of_request(asked.resources, asked.profile, asked.identity())


def claiming(
    resources: Resources, profile: str, account_id: str
) -> AbstractAsyncContextManager[Claim]:
    """Nobody else links the account meanwhile. Raises Problem where another profile was first."""
    decided = partial(performing.is_decided, resources)
    return resources.claims.claimed(profile, account_id, resources.now(), decided)


async def carry_out(asked: Asked, *steps: Step, new_profile: str | None = None) -> Response | None:
    """None once all were decided; else 202 for the last."""
    done = await told_of(asked, *steps, new_profile=new_profile)
    return done if isinstance(done, Response) else None


async def told_of(
    asked: Asked, *steps: Step, new_profile: str | None = None
) -> list[Event] | Response:
    """What was told of the commands once all were decided; else 202 for the last: they are decided
    in their order. All are written before the first is waited for, so that nobody has to ask for
    the rest. Raises Problem where one of them can't be carried out."""
    seconds = waiting.seconds(asked.prefer, asked.resources.settings)
    wanted = []
    for step in steps:
        identity = step.identity or asked.identity(step.part)
        wanted.append((step.make(identity.envelope(asked.profile, asked.resources)), identity))
    try:
        told = await performing.perform_all(asked.resources, wanted, seconds)
    except Problem as problem:
        if problem.reason == "invalid_command":
            await _refuse_deleted(asked)
        raise
    if all(told):
        return [event for events in told for event in events]
    last = answer_of(wanted[-1][1].command_id, ())
    return accepted(last.model_copy(update={"profile_key": new_profile}))


async def _refuse_deleted(asked: Asked) -> None:
    """Raises Problem where the profile was deleted meanwhile: as every request after this one."""
    resources = asked.resources
    with suppress(ArchiveAway):
        await resources.caught_up(asked.profile)
        await states.existing(resources.asking, asked.profile, resources.now())
