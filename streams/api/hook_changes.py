"""Changes of webhook subscriptions: each once for its Idempotency-Key, and all at a profile's end.

Subscriptions are no commands: they stand on a topic of their own. So what a request with a key did
is noted on the records that it changed, where every gateway finds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from schemas.base import to_milliseconds
from schemas.hooks import HookRecord, HookRequest
from streams.api.access import Caller
from streams.api.errors import Problem
from streams.api.performing import identify
from streams.api.resources import Resources
from streams.hooks.directory import deleted, of_profile

_log = structlog.get_logger()

_KEPT = timedelta(days=7)
MOST_KEPT = 1_000
"""Of one webhook, within that time: some 160 bytes each in its record, which Kafka takes up to a
megabyte of. None is forgotten early; a client that changes a webhook more often (every ten minutes
for a week) must wait, or leave the key out."""


@dataclass(frozen=True, slots=True)
class HookChange:
    """One request that changes webhooks."""

    request_id: str
    mark: str | None
    """None without an Idempotency-Key: then it is nobody's repetition."""
    profile: str
    at: datetime

    @classmethod
    def of(
        cls, caller: Caller, kind: str, key: str | None, body: Mapping[str, Any]
    ) -> "HookChange":
        identity = identify(caller.profile, f"hook:{kind}", key, body, caller.resources)
        at = to_milliseconds(caller.resources.now())
        return cls(identity.command_id, identity.mark, caller.profile, at)

    def done_before(self, hooks: Iterable[HookRecord]) -> list[tuple[HookRecord, HookRequest]]:
        """What the same request changed, if it is a repetition. Raises Problem where its key was
        used with another body."""
        found = [
            (hook, request)
            for hook in hooks
            if self.mark is not None and hook.profileid == self.profile
            for request in hook.requests
            if request.request_id == self.request_id and self._remembers(request)
        ]
        if any(request.mark != self.mark for _, request in found):
            raise Problem("idempotency_key_reused")
        return found

    def noted(self, hook: HookRecord, *, made_secret: bool = False) -> HookRecord:
        """The changed record, with the request that changed it. Raises Problem where too many
        are to be remembered."""
        if self.mark is None:
            return hook
        young = [one for one in hook.requests if self._remembers(one)]
        if len(young) >= MOST_KEPT:
            free_in = young[0].at + _KEPT - self.at
            raise Problem("too_many_webhook_changes", retry_after=int(free_in.total_seconds()) + 1)
        own = HookRequest(
            request_id=self.request_id, mark=self.mark, at=self.at, made_secret=made_secret
        )
        return hook.model_copy(update={"requests": (*young, own)})

    def _remembers(self, request: HookRequest) -> bool:
        return self.at - request.at < _KEPT


def known(resources: Resources) -> Sequence[HookRecord]:
    """All records, of those too that were deleted. Raises Problem."""
    if not resources.hooks.is_known:
        raise Problem("hooks_unknown", retry_after=2)
    return list(resources.hooks.records.values())


def of_caller(caller: Caller) -> list[HookRecord]:
    """Its subscriptions, the oldest first. Raises Problem."""
    return of_profile(known(caller.resources), caller.profile)


def with_replays(hooks: Iterable[HookRecord], all_known: Iterable[HookRecord]) -> list[HookRecord]:
    """The subscriptions, and what is told once more for them."""
    wanted = list(hooks)
    ids = {hook.hook_id for hook in wanted}
    return wanted + [
        one
        for one in all_known
        if one.replay is not None and one.deleted_at is None and one.replay.of in ids
    ]


async def end_all(caller: Caller, *, everywhere: bool = False) -> None:
    """At the end of a profile: nobody is told anything of it any more. `everywhere`: those too
    that another gateway wrote a moment ago and this one has not read yet. Raises Problem."""
    resources = caller.resources
    async with resources.changing_hooks(caller.profile):
        hooks = await resources.hooks_written() if everywhere else known(resources)
        ending = with_replays(of_profile(hooks, caller.profile), hooks)
        if not ending:
            return
        await resources.write_hooks([deleted(one, resources.now()) for one in ending])
    _log.info("webhooks_ended", profile=caller.profile, count=len(ending), reason="profile_deleted")
