"""What a question is, and the pieces of SQL that many share."""

from collections.abc import Mapping
from dataclasses import dataclass

FILTER = (
    "({profile:String} = '' OR profile_id = {profile:String})"
    " AND ({platform:String} = '' OR platform = {platform:String})"
)
PERIOD = f"{FILTER} AND day > toDate(now('UTC')) - {{days:UInt16}}"
SINCE = "toDateTime(toDate(now('UTC')) - {days:UInt16} + 1, 'UTC')"
"""Where PERIOD begins, for views that have instants: the same days, of which today is the last."""
DAYS = "WITH FILL FROM toDate(now('UTC')) - {days:UInt16} + 1 TO toDate(now('UTC')) + 1"
MOST = 50
"""Rows of a page of a list."""


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
    total: str = ""
    """How many rows all pages have, for a list of which `sql` gives one page."""
    order: str = ""
    """In words, what stands first in such a list."""


def listed(
    name: str, metric: str, sql: str, *, by: str, order: str, is_drill_down: bool = True
) -> Question:
    """A list that is read page by page. `by`: what orders it, to the last row; `order`: the same
    in words.
    """
    return Question(
        name,
        metric,
        f"{sql.rstrip()}\n        ORDER BY {by}\n        LIMIT {MOST} OFFSET {{skip:UInt32}}\n        ",
        is_drill_down=is_drill_down,
        total=f"SELECT count() AS total FROM ({sql})",
        order=order,
    )


def parameters(
    *,
    profile: str,
    platform: str,
    days: int,
    conversation: str = "",
    more: str = "",
    skip: int = 0,
) -> Mapping[str, str | int]:
    """The values of a question's parameters; those it does not name are left alone.

    `skip`: rows of a list that the pages before have shown.
    """
    return {
        "profile": profile,
        "platform": platform,
        "days": days,
        "conversation": conversation,
        "more": more,
        "skip": skip,
    }
