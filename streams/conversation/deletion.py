"""Whether a profile was deleted, and when its present life began.

The log knows no event of its own for that: a `messaging.deactivated` with the reason below says it.
No activation and no link undoes it, in whatever order they are told; only a registration that is
dated after it does.
"""

from schemas.data import MessagingSwitched
from streams.conversation.state import ProfileState, Stamp

DELETED = "profile_deleted"
"""The reason of the `messaging.deactivated` that `DELETE /profiles` leads to."""

_KEPT = 8
"""Deletions. All but one after the last registration would have to be told of a deleted profile."""


def with_deletion(profile: ProfileState, switched: MessagingSwitched, stamp: Stamp) -> ProfileState:
    """After messaging was switched off, for whatever reason."""
    if switched.reason != DELETED:
        return profile
    deletions = tuple(sorted({*profile.deletions, stamp[0]})[-_KEPT:])
    return profile if deletions == profile.deletions else profile._replace(deletions=deletions)


def is_deleted(profile: ProfileState) -> bool:
    if profile.deleted_at is None:
        return False
    return profile.last_registered_at is None or profile.last_registered_at <= profile.deleted_at


def former_life_ended_at(profile: ProfileState) -> int:
    """When (ms) the profile was deleted before it was last registered; 0 if it never was. What was
    set up up to then is of a former life, also once the present one has ended."""
    last = profile.last_registered_at or 0
    return max((at for at in profile.deletions if at < last), default=0)
