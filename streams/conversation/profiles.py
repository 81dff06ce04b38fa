"""What events of a profile change: its settings, its accounts, what was told of its months."""

from collections.abc import Callable
from typing import Any

from schemas import events
from streams.conversation import accounts, deletion, months, settings, switch
from streams.conversation.instants import to_ms
from streams.conversation.merging import earlier, later
from streams.conversation.state import ProfileState, Stamp

Change = Callable[[ProfileState, Any, Stamp], ProfileState]


def _registered(profile: ProfileState, _: events.ProfileRegistered, stamp: Stamp) -> ProfileState:
    first = earlier(profile.registered_at, stamp[0])
    last = later(profile.last_registered_at, stamp[0])
    if (first, last) == (profile.registered_at, profile.last_registered_at):
        return profile
    return profile._replace(registered_at=first, last_registered_at=last)


def _linked(profile: ProfileState, event: events.AccountLinked, stamp: Stamp) -> ProfileState:
    body = event.data
    return accounts.with_link(profile, (body.provider, body.platform, body.account_id), stamp)


def _unlinked(profile: ProfileState, event: events.AccountUnlinked, stamp: Stamp) -> ProfileState:
    body = event.data
    return accounts.without_link(profile, (body.provider, body.platform, body.account_id), stamp)


def _switched_on(profile: ProfileState, _: events.MessagingActivated, stamp: Stamp) -> ProfileState:
    return switch.switched(profile, stamp, on=True)


def _switched_off(
    profile: ProfileState, event: events.MessagingDeactivated, stamp: Stamp
) -> ProfileState:
    off = switch.switched(profile, stamp, on=False)
    return deletion.with_deletion(off, event.data, stamp)


def _limited(profile: ProfileState, event: events.LimitChanged, stamp: Stamp) -> ProfileState:
    return settings.with_settings(profile, stamp, settings.settings_of_limit(event.data))


def _answering(
    profile: ProfileState, event: events.AutoResponseConfigured, stamp: Stamp
) -> ProfileState:
    return settings.with_settings(profile, stamp, settings.settings_of_auto_response(event.data))


def _limit_told(profile: ProfileState, event: events.LimitReached, _: Stamp) -> ProfileState:
    body = event.data
    return months.with_limit_told(profile, body.month, body.share, body.monthly_limit)


def _backfilled(
    profile: ProfileState, event: events.HistoryBackfilled, stamp: Stamp
) -> ProfileState:
    """What was fetched arrives as messages; here, that the question has its answer."""
    body = event.data
    asked_at = stamp[0] if body.asked_at is None else to_ms(body.asked_at)
    return accounts.with_history(profile, (body.provider, body.platform, body.account_id), asked_at)


CHANGES: dict[str, Change] = {
    "profile.registered": _registered,
    "account.linked": _linked,
    "account.unlinked": _unlinked,
    "messaging.activated": _switched_on,
    "messaging.deactivated": _switched_off,
    "limit.changed": _limited,
    "limit.reached": _limit_told,
    "autoresponse.configured": _answering,
    "history.backfilled": _backfilled,
}
"""By the event's name."""
