"""`POST /hook/webhook/replay`: a range of what happened, told to a webhook once more."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field, StringConstraints, model_validator

from schemas.base import Instant
from schemas.hooks import HookRecord
from schemas.topics import EVENTS
from sinks.reading import events as archived
from sinks.reading.asking import Asking
from streams.api import waiting
from streams.api.access import Admin
from streams.api.documents import errors
from streams.api.errors import Problem
from streams.api.hook_changes import HookChange, known, of_caller
from streams.api.shapes import ApiModel, GivenInstant, Success
from streams.hooks.directory import of_profile, replay_of
from streams.hooks.payloads import KINDS
from streams.partitions import partition_of
from streams.settings import Settings

router = APIRouter(tags=["webhooks"])

MOST = 5
"""Replays of one webhook at once. A profile has 20 webhooks, and one request may ask for all."""

HookId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Replay(ApiModel):
    id: HookId | None = Field(
        default=None, description="Of one webhook, as `GET /hook/webhook` names it; else all."
    )
    since: GivenInstant = Field(
        description="Of what was received from then on,", examples=["2026-11-22T09:00:00Z"]
    )
    until: GivenInstant = Field(description="and before this.", examples=["2026-11-22T12:00:00Z"])

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class Replayed(ApiModel):
    id: str = Field(description="What it is told with: the header X-Dmstream-Replay.")
    webhook: str
    events: int
    since: Instant
    until: Instant


class Replays(ApiModel):
    status: Success = "success"
    replays: list[Replayed] = Field(description="None for a webhook that has nothing in the range.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A range of time, to be told to these subscriptions of one profile."""

    hooks: Sequence[HookRecord]
    since: datetime
    until: datetime


async def plan(
    asking: Asking, settings: Settings, wanted: Wanted, log: str, at: datetime
) -> list[HookRecord]:
    """A replay for each, to be written to `dm.hooks.v1`; none where there is nothing to tell.
    Raises ArchiveAway."""
    made = []
    for hook in wanted.hooks:
        number = partition_of(hook.profileid.encode(), settings.partitions)
        place = (log, settings.topic(EVENTS), number)
        span = await archived.span(
            asking, hook.profileid, place, KINDS, (wanted.since, wanted.until)
        )
        if span is not None:
            made.append(
                replay_of(
                    hook,
                    replay_id=secrets.token_hex(8),
                    since=wanted.since,
                    until=wanted.until,
                    place=(log, span.first, span.after),
                    events=span.found,
                    at=at,
                )
            )
    return made


@router.post(
    "/hook/webhook/replay",
    summary="Tell webhooks once more what happened",
    responses=errors(
        "webhook_not_found", "too_many_replays", "idempotency_key_reused", "hooks_unknown",
        "archive_unavailable",
    ),
)  # fmt: skip
async def replay(
    body: Replay, caller: Admin, idempotency_key: waiting.IdempotencyKey = None
) -> Replays:
    """Beside what happens meanwhile and in an order of its own, marked: the header
    X-Dmstream-Replay, and `replay` in the body. Ids are those of the first time."""
    resources = caller.resources
    change = HookChange.of(caller, "replay", idempotency_key, body.model_dump(mode="json"))
    async with resources.changing_hooks(caller.profile):
        done = change.done_before(one for one in known(resources) if one.replay is not None)
        if done:
            return Replays(replays=[shown(hook) for hook, _ in done])
        hooks = [
            one for one in of_caller(caller) if one.is_working and body.id in {None, one.hook_id}
        ]
        if not hooks:
            raise Problem("webhook_not_found", "The profile has no such webhook that works.")
        going_on = Counter(
            one.subscription for one in of_profile(known(resources), caller.profile, replays=True)
        )
        full = [one.hook_id for one in hooks if going_on[one.hook_id] >= MOST]
        if full:
            raise Problem("too_many_replays", f"At most {MOST} for one webhook: {', '.join(full)}.")
        if not await resources.caught_up(caller.profile):
            raise Problem("archive_unavailable", retry_after=5)
        log, _ = await resources.place_now(caller.profile)
        wanted = Wanted(hooks, body.since, body.until)
        now = resources.now()
        made = await plan(resources.asking, resources.settings, wanted, log, now)
        made = [change.noted(one) for one in made]
        await resources.write_hooks(made)
    return Replays(replays=[shown(one) for one in made])


def shown(hook: HookRecord) -> Replayed:
    if hook.replay is None:
        raise ValueError(f"webhook {hook.hook_id} is no replay")
    told = hook.replay
    return Replayed(
        id=hook.hook_id, webhook=told.of, events=told.events, since=told.since, until=told.until
    )
