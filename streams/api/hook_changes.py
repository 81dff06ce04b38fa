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
_MOST_KEPT = 20


@dataclass(frozen=True, slots=True)
class HookChange:
    """One request that changes webhooks."""

    request_id: str
    mark: str | None
    """None without an Idempotency-Key: then it is nobody's repetition."""

    @classmethod
    def of(
        cls, caller: Caller, kind: str, key: str | None, body: Mapping[str, Any]
    ) -> "HookChange":
        identity = identify(caller.profile, f"hook:{kind}", key, body, caller.resources)
        return cls(identity.command_id, identity.mark)

    def done_before(self, hooks: Iterable[HookRecord]) -> list[tuple[HookRecord, HookRequest]]:
        """What the same request changed, if it is a repetition. Raises Problem where its key was
        used with another body."""
        found = [
            (hook, request)
            for hook in hooks
            for request in hook.requests
            if self.mark is not None and request.request_id == self.request_id
        ]
        if any(request.mark != self.mark for _, request in found):
            raise Problem("idempotency_key_reused")
        return found

    def noted(self, hook: HookRecord, at: datetime, *, made_secret: bool = False) -> HookRecord:
        """The changed record, with the request that changed it."""
        if self.mark is None:
            return hook
        at = to_milliseconds(at)
        young = [one for one in hook.requests if at - one.at < _KEPT]
        own = HookRequest(
            request_id=self.request_id, mark=self.mark, at=at, made_secret=made_secret
        )
        return hook.model_copy(update={"requests": (*young[1 - _MOST_KEPT :], own)})


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


async def end_all(caller: Caller) -> None:
    """At the end of a profile: nobody is told anything of it any more. Raises Problem."""
    resources = caller.resources
    async with resources.changing_hooks(caller.profile):
        ending = with_replays(of_caller(caller), known(resources))
        if not ending:
            return
        await resources.write_hooks([deleted(one, resources.now()) for one in ending])
    _log.info("webhooks_ended", profile=caller.profile, count=len(ending), reason="profile_deleted")
