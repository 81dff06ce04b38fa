"""What is known of one profile: its events, and what they set up."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.business_hours import BusinessHours
from schemas.envelope import Envelope
from tests.pipeline.read_model import kind_of, winners

MESSAGES = ("message.received", "message.sent")


class Profile:
    """Events of one profile, each once, sorted by conversation."""

    def __init__(self, name: str, told: Iterable[Envelope], now: datetime) -> None:
        self.name = name
        self.now = now
        self.conversations: dict[str, list[Any]] = defaultdict(list)
        self.limit, self.zone = 100, "UTC"
        self.hours = BusinessHours()
        self.windows: dict[str, int | None] = {"instagram": 7 * 86_400, "facebook": None, "x": None}
        once = sorted(winners(told), key=lambda e: (e.time, e.id))
        for event in once:
            if event.subject is not None:
                self.conversations[event.subject].append(event)
            elif kind_of(event) == "limit.changed" and event.time > _began(once):
                body = event.data
                self.limit = self.limit if body.monthly_limit is None else body.monthly_limit
                self.zone = body.month_zone or self.zone
                self.windows |= body.reply_window_seconds or {}
                self.hours = body.business_hours or self.hours
        self.is_deleted = _is_deleted(once)

    def wall(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=UTC)

    def of(self, *kinds: str) -> list[tuple[str, str, Any]]:
        """(conversation, platform, event)"""
        return [
            (conversation, conversation.split(":")[0], event)
            for conversation, told in self.conversations.items()
            for event in told
            if kind_of(event) in kinds
        ]

    def turns(self, conversation: str) -> list[tuple[datetime, bool]]:
        return sorted(
            (e.time, kind_of(e) == "message.sent")
            for e in self.conversations[conversation]
            if kind_of(e) in MESSAGES and not is_auto(e)
        )

    def autos(self, conversation: str) -> list[datetime]:
        return sorted(e.time for e in self.conversations[conversation] if is_auto(e))

    def backfilled(self, conversation: str) -> bool:
        return any(
            e.data.backfilled for e in self.conversations[conversation] if kind_of(e) in MESSAGES
        )


def _is_deleted(told: Iterable[Any]) -> bool:
    """Only a registration that is dated after the last deletion brings a profile back."""
    deletions = _deletions(told)
    registrations = [e.time for e in told if kind_of(e) == "profile.registered"]
    if not deletions:
        return False
    return not registrations or max(registrations) <= max(deletions)


def _began(told: Iterable[Any]) -> datetime:
    """What was set up to then is of a former life: the deletion before the last registration."""
    never = datetime.min.replace(tzinfo=UTC)
    last = max((e.time for e in told if kind_of(e) == "profile.registered"), default=never)
    return max((at for at in _deletions(told) if at < last), default=never)


def _deletions(told: Iterable[Any]) -> list[datetime]:
    return [
        e.time for e in told
        if kind_of(e) == "messaging.deactivated" and e.data.reason == "profile_deleted"
    ]  # fmt: skip


def is_auto(event: Any) -> bool:
    return kind_of(event) == "message.sent" and event.data.origin == "auto"


def places(p: Profile) -> set[tuple[str, str, int]]:
    return {
        (conversation, e.data.month, e.data.rank)
        for conversation, _, e in p.of("conversation.activated", "send.accepted")
    }
