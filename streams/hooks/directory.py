"""Subscriptions, known to every process that needs them from the compacted topic `dm.hooks.v1`."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from schemas.base import to_milliseconds
from schemas.hooks import HookAction, HookRecord, HookReplay
from schemas.topics import HOOKS
from streams.followed import FollowedTopic
from streams.settings import Settings

_log = structlog.get_logger()

CHANGE_OVER = timedelta(hours=24)
"""So long a secret that was replaced signs as well."""


def new_hook(
    *,
    profileid: str,
    action: HookAction,
    url: str,
    secret: str,
    reference: str,
    place: tuple[str, int],
    at: datetime,
) -> HookRecord:
    """`place`: the log's id, and where in the profile's partition it is to begin."""
    at = to_milliseconds(at)
    return HookRecord(
        hook_id=_identity(profileid, action, url),
        profileid=profileid,
        action=action,
        url=url,
        secret=secret,
        reference=reference,
        log=place[0],
        from_offset=place[1],
        created_at=at,
        updated_at=at,
    )


def _identity(profileid: str, action: str, url: str) -> str:
    """The same for the same: two gateways that are asked at once make one subscription."""
    return hashlib.sha256(f"{profileid}\x1f{action}\x1f{url}".encode()).hexdigest()[:16]


def renewed(hook: HookRecord, secret: str | None, at: datetime) -> HookRecord:
    """Registered again: it works again, from where it stood, and with another secret if one is
    given. A second change within a day ends the overlap of the first."""
    at = to_milliseconds(at)
    changes: dict[str, object] = {"updated_at": at, "disabled_at": None, "disabled_reason": None}
    if secret is not None and secret != hook.secret:
        changes |= {
            "secret": secret,
            "previous_secret": hook.secret,
            "previous_until": at + CHANGE_OVER,
        }
    return hook.model_copy(update=changes)


def deleted(hook: HookRecord, at: datetime) -> HookRecord:
    at = to_milliseconds(at)
    gone = {"url": "", "secret": "", "previous_secret": None, "previous_until": None}
    return hook.model_copy(update={**gone, "updated_at": at, "deleted_at": at})


def disabled(hook: HookRecord, reason: str, at: datetime) -> HookRecord:
    at = to_milliseconds(at)
    return hook.model_copy(update={"updated_at": at, "disabled_at": at, "disabled_reason": reason})


def signing_secrets(hook: HookRecord, at: datetime) -> tuple[str, ...]:
    if hook.previous_secret is None or hook.previous_until is None or at >= hook.previous_until:
        return (hook.secret,)
    return (hook.secret, hook.previous_secret)


def replay_of(
    hook: HookRecord,
    *,
    replay_id: str,
    since: datetime,
    until: datetime,
    place: tuple[str, int, int],
    events: int,
    at: datetime,
) -> HookRecord:
    """`place`: the log's id, and from which to which offset (without that one) the range lies."""
    at = to_milliseconds(at)
    return HookRecord(
        hook_id=replay_id,
        profileid=hook.profileid,
        action=hook.action,
        url=hook.url,
        secret=hook.secret,
        reference=hook.reference,
        log=place[0],
        from_offset=place[1],
        created_at=at,
        updated_at=at,
        replay=HookReplay(
            of=hook.hook_id, since=since, until=until, until_offset=place[2], events=events
        ),
    )


def of_profile(
    hooks: Iterable[HookRecord], profileid: str, *, replays: bool = False
) -> list[HookRecord]:
    """Its subscriptions (or the replays for them) that were not deleted, the oldest first."""
    found = [
        one
        for one in hooks
        if one.profileid == profileid
        and one.deleted_at is None
        and (one.replay is not None) == replays
    ]
    return sorted(found, key=lambda one: (one.created_at, one.hook_id))


class HookDirectory:
    """All subscriptions in memory. `on_change` is called with all records after a change of them,
    and once when they are known first."""

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[Iterable[HookRecord]], None] | None = None,
    ) -> None:
        self.topic = FollowedTopic(
            settings, HOOKS, what="webhook subscriptions", apply=self._apply, changed=self._changed
        )
        self.on_change = on_change
        self.records: dict[str, HookRecord] = {}
        self.is_known = False

    def of_profile(self, profileid: str) -> list[HookRecord]:
        """Subscriptions that were not deleted, the oldest first."""
        return of_profile(self.records.values(), profileid)

    def _apply(self, hook_id: str, value: bytes | None) -> None:
        try:
            record = HookRecord.model_validate_json(value or b"")
        except ValidationError as error:
            _log.error(
                "hook_record_unreadable", hook_id=hook_id, errors=error.error_count(),
                remedy="register the webhook again: POST /hook/webhook",
            )  # fmt: skip
        else:
            self.records[record.hook_id] = record

    def _changed(self) -> None:
        self.is_known = True
        if self.on_change is not None:
            self.on_change(self.records.values())


async def read_hooks(settings: Settings) -> list[HookRecord]:
    """All records as they are written now. Raises as `FollowedTopic.read_all` does."""
    directory = HookDirectory(settings)
    consumer = await directory.topic.read_all()
    await consumer.stop()
    return list(directory.records.values())
