"""Whether a profile is one, asked for nearly every request: what was found is kept for a while."""

from sinks.reading.asking import ArchiveAway
from streams.api import states
from streams.api.resources import Resources

_KEPT_SECONDS = 60.0
"""Of a profile that was found. One that is deleted meanwhile is refused by the rules."""
_MOST = 100_000


async def may_exist(resources: Resources, profileid: str) -> bool:
    """False where the archive has everything and knows of no such profile, or of its end. Where the
    archive is away or behind nobody can say: then the rules decide, as they do in any case."""
    found, now = resources.found_profiles, resources.monotonic()
    if found.get(profileid, -_KEPT_SECONDS) > now - _KEPT_SECONDS:
        return True
    try:
        exists = bool(await states.profiles(resources.asking, [profileid]))
        if not exists:
            if not await resources.caught_up(profileid):
                return True
            exists = bool(await states.profiles(resources.asking, [profileid]))
    except ArchiveAway:
        return True
    if exists:
        if len(found) >= _MOST:
            found.clear()
        found[profileid] = now
    return exists


def forget(resources: Resources, profileid: str) -> None:
    """After its deletion here. Other gateways go by what they found."""
    resources.found_profiles.pop(profileid, None)
