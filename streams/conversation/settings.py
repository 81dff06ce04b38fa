"""A profile's own settings over the rules' defaults. Of each, the latest by (time, id) holds.

A profile that was deleted and registered anew has none of those that were made before the deletion.
While it is deleted they stand: what is told of its history goes by them.
"""

from dataclasses import dataclass
from typing import cast

from schemas import data
from schemas.base import Platform
from streams.conversation.deletion import former_life_ended_at
from streams.conversation.instants import SECOND
from streams.conversation.merging import latest
from streams.conversation.rules import LimitScope, Rules
from streams.conversation.state import ProfileState, Register, Stamp

MONTHLY_LIMIT = "monthly_limit"
LIMIT_SCOPE = "limit_scope"
MONTH_ZONE = "month_zone"
WINDOW = "window."
"""Before a platform's name; seconds, or `_NO_WINDOW`."""
AUTO_ACTIVE = "auto.active"
AUTO_MESSAGE = "auto.message"
AUTO_WAIT = "auto.wait"

_NO_WINDOW = -1


@dataclass(frozen=True, slots=True)
class AutoResponse:
    active: bool
    message: str
    wait: int
    """Milliseconds."""
    since: int
    """When (ms) it was turned on, or off."""


def with_settings(profile: ProfileState, stamp: Stamp, told: dict[str, int | str]) -> ProfileState:
    """The profile after an event set these; an older event changes nothing."""
    settings = dict(profile.settings)
    for name, value in told.items():
        register: Register = (*stamp, value)
        settings[name] = latest(settings.get(name), register)
    return profile if settings == profile.settings else profile._replace(settings=settings)


def settings_of_limit(change: data.LimitChanged) -> dict[str, int | str]:
    told: dict[str, int | str] = {}
    if change.monthly_limit is not None:
        told[MONTHLY_LIMIT] = change.monthly_limit
    if change.limit_scope is not None:
        told[LIMIT_SCOPE] = change.limit_scope
    if change.month_zone is not None:
        told[MONTH_ZONE] = change.month_zone
    for platform, seconds in (change.reply_window_seconds or {}).items():
        told[WINDOW + platform] = _NO_WINDOW if seconds is None else seconds
    return told


def settings_of_auto_response(change: data.AutoResponseConfigured) -> dict[str, int | str]:
    told: dict[str, int | str] = {}
    if change.active is not None:
        told[AUTO_ACTIVE] = int(change.active)
    if change.message is not None:
        told[AUTO_MESSAGE] = change.message
    if change.wait_seconds is not None:
        told[AUTO_WAIT] = change.wait_seconds
    return told


def monthly_limit(profile: ProfileState, rules: Rules) -> int:
    register = _own(profile, MONTHLY_LIMIT)
    return rules.monthly_limit if register is None else int(register[2])


def limit_scope(profile: ProfileState, rules: Rules) -> LimitScope:
    register = _own(profile, LIMIT_SCOPE)
    return rules.limit_scope if register is None else cast("LimitScope", register[2])


def month_zone(profile: ProfileState, rules: Rules) -> str:
    register = _own(profile, MONTH_ZONE)
    return rules.month_zone if register is None else str(register[2])


def reply_window(profile: ProfileState, platform: Platform, rules: Rules) -> int | None:
    """Milliseconds; None for no window."""
    register = _own(profile, WINDOW + platform)
    if register is None:
        return rules.windows.get(platform)
    return None if register[2] == _NO_WINDOW else int(register[2]) * SECOND


def auto_response(profile: ProfileState, rules: Rules) -> AutoResponse:
    active, message, wait = (_own(profile, name) for name in (AUTO_ACTIVE, AUTO_MESSAGE, AUTO_WAIT))
    return AutoResponse(
        active=active is not None and active[2] == 1,
        since=0 if active is None else active[0],
        message=rules.auto_message if message is None or not message[2] else str(message[2]),
        wait=rules.auto_wait if wait is None else int(wait[2]) * SECOND,
    )


def latest_change(profile: ProfileState) -> int:
    """When (ms) a setting was last changed, or all of them by a deletion; 0 if none ever was."""
    changed = (register[0] for register in profile.settings.values())
    return max((*changed, profile.deleted_at or 0))


def _own(profile: ProfileState, name: str) -> Register | None:
    register = profile.settings.get(name)
    if register is None or register[0] > former_life_ended_at(profile):
        return register
    return None
