"""Months as people in a zone count them.

Zone data is read once a zone (from the system, else from the `tzdata` package) and kept: it is as
constant as the code.
"""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from streams.conversation.instants import MINUTE, from_ms, to_ms

# Since 1980 every zone's offset is a multiple of a quarter of an hour (checked over all zones), so
# no month begins inside one. One computation a quarter makes the hot path a dictionary look-up.
_QUARTER = 15 * MINUTE
_FIRST = to_ms(datetime(1980, 1, 2, tzinfo=UTC)) // _QUARTER
_LAST = to_ms(datetime(9998, 12, 1, tzinfo=UTC)) // _QUARTER

_OF_THE_MACHINE = frozenset({"localtime", "posixrules"})
_OTHER_COUNTS = ("posix/", "right/")


def month_of(at: int, zone: str) -> str:
    """`2026-11`: the month of the instant (ms) in an IANA zone."""
    return _month_of_quarter(at // _QUARTER, zone)


@lru_cache(maxsize=8192)
def _month_of_quarter(quarter: int, zone: str) -> str:
    # A platform's nonsense time may not stop the log: it counts in the first or last month known.
    bounded = min(max(quarter, _FIRST), _LAST)
    local = from_ms(bounded * _QUARTER).astimezone(_zone(zone))
    return f"{local.year:04}-{local.month:02}"


@lru_cache(maxsize=1024)
def month_after(month: str, zone: str) -> int:
    """The first instant (ms) of the month that follows `2026-11`, in an IANA zone.

    Where clocks jump over that midnight it is the instant of the jump.
    """
    year, number = int(month[:4]), int(month[5:])
    year, number = (year + 1, 1) if number == 12 else (year, number + 1)  # noqa: PLR2004
    return to_ms(datetime(year, number, 1, tzinfo=_zone(zone)).astimezone(UTC))


def is_zone(name: str) -> bool:
    """Whether this machine knows the IANA name. What else lies in its folder is none: a setting of
    the machine, and the same zones by other counts of seconds. ClickHouse has neither."""
    if name in _OF_THE_MACHINE or name.startswith(_OTHER_COUNTS):
        return False
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # OSError: a folder of zones, such as `Europe`
        return False
    return True


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    """UTC where the name is unknown: `decide` refuses such names, but a log may hold anything."""
    return ZoneInfo(name) if is_zone(name) else UTC
