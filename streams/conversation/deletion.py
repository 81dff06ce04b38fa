"""Whether a profile was deleted.

The log knows no event of its own for that: a `messaging.deactivated` with the reason below says it.
No activation and no link undoes it, in whatever order they are told; only a registration that is
dated after it does.
"""

from schemas.data import MessagingSwitched
from streams.conversation.merging import later
from streams.conversation.state import ProfileState, Stamp

DELETED = "profile_deleted"
"""The reason of the `messaging.deactivated` that `DELETE /profiles` leads to."""


def with_deletion(profile: ProfileState, switched: MessagingSwitched, stamp: Stamp) -> ProfileState:
    """After messaging was switched off, for whatever reason."""
    if switched.reason != DELETED:
        return profile
    at = later(profile.deleted_at, stamp[0])
    return profile if at == profile.deleted_at else profile._replace(deleted_at=at)


def is_deleted(profile: ProfileState) -> bool:
    if profile.deleted_at is None:
        return False
    return profile.last_registered_at is None or profile.last_registered_at <= profile.deleted_at
