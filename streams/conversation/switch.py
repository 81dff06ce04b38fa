"""Messaging of a profile: on or off, and since when.

What was activated stays activated from then on: a second word of it (a command repeated under
another id, a webhook that registers a profile again after a crash) does not ask for new links. So
the earliest activation since the last deactivation is kept, and a few after it for the case that
the word of a deactivation between them comes late.
"""

from streams.conversation.deletion import is_deleted
from streams.conversation.merging import later, latest
from streams.conversation.state import ProfileState, Stamp

_MOST_ACTIVATIONS = 16


def switched(profile: ProfileState, stamp: Stamp, *, on: bool) -> ProfileState:
    told = latest(profile.messaging, (*stamp, on))
    off_at = profile.deactivated_at if on else later(profile.deactivated_at, stamp[0])
    activations = {*profile.activations, stamp[0]} if on else set(profile.activations)
    if off_at is not None:
        activations = {at for at in activations if at > off_at}
    after = profile._replace(
        messaging=told,
        deactivated_at=off_at,
        activations=tuple(sorted(activations)[:_MOST_ACTIVATIONS]),
    )
    return profile if after == profile else after


def is_on(profile: ProfileState) -> bool:
    """Off until it is first activated, and for ever where the profile was deleted."""
    return profile.messaging is not None and profile.messaging[2] and not is_deleted(profile)


def on_since(profile: ProfileState) -> int:
    """When (ms) what is on was activated: an account must be linked at or after it. 0 if off."""
    if profile.messaging is None or not profile.messaging[2]:
        return 0
    return profile.activations[0] if profile.activations else profile.messaging[0]


def changed_at(profile: ProfileState) -> int:
    """When (ms) it was last switched; 0 if never."""
    return 0 if profile.messaging is None else profile.messaging[0]
