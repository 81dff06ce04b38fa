"""What a question is, and the pieces of SQL that many share."""

from collections.abc import Mapping
from dataclasses import dataclass

FILTER = (
    "({profile:String} = '' OR profile_id = {profile:String})"
    " AND ({platform:String} = '' OR platform = {platform:String})"
)
PERIOD = f"{FILTER} AND day > toDate(now('UTC')) - {{days:UInt16}}"
DAYS = "WITH FILL FROM toDate(now('UTC')) - {days:UInt16} + 1 TO toDate(now('UTC')) + 1"
MOST = 50


@dataclass(frozen=True, slots=True)
class Question:
    """One answer of a page."""

    name: str
    metric: str
    """In `metric_definitions`: what the number means."""
    sql: str
    is_drill_down: bool = False
    """It leads from a number to its conversations."""
    needs_conversation: bool = False


def parameters(
    *, profile: str, platform: str, days: int, conversation: str = "", more: str = ""
) -> Mapping[str, str | int]:
    """The values of a question's parameters; those it does not name are left alone."""
    return {
        "profile": profile,
        "platform": platform,
        "days": days,
        "conversation": conversation,
        "more": more,
    }
