"""The questions behind the table that `up` prints: SQL to the views, and how answers are shown."""

from collections.abc import Callable
from dataclasses import dataclass

Show = Callable[[object], str]


_LONGEST_NAME = 17
"""An Instagram account's id."""


@dataclass(frozen=True, slots=True)
class Metric:
    title: str
    sql: str
    """`{views}` stands for the database of the views."""
    columns: tuple[tuple[str, Show], ...]
    """Heading and form of each column of the answer."""
    when_empty: str
    shown_of: str | None = None
    """Which rows are shown where there are more; the answer's last column is then how many there
    are, and has no heading."""


def duration(seconds: object) -> str:
    """`6 d 22 h`, `2 h 05 min`, `9 min`, `42 s`: for people. A dash for none."""
    if seconds is None:
        return "-"
    whole = int(float(str(seconds)))
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    minutes = whole // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min"


def time_left(seconds: object) -> str:
    """What is left of a reply window; None where there is no window."""
    if seconds is None:
        return "no window"
    return duration(seconds) if float(str(seconds)) > 0 else "closed"


def fraction(seconds: object) -> str:
    """Where milliseconds count: `0.08 s`. A dash for none."""
    return "-" if seconds is None else f"{float(str(seconds)):.2f} s"


def number(value: object) -> str:
    return f"{value:,}"


def short(name: object) -> str:
    """Both ends of a long id: enough to tell two apart on a screen."""
    text = str(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[:8]}…{text[-6:]}"


def share(value: object) -> str:
    return f"{float(str(value)):.0%}"


def limit_reached(value: object) -> str:
    return "reached" if value else ""


# Twelve rows at most: a table is for a screen, the views are for everything else.

METRICS = (
    Metric(
        title="Messages per day",
        sql="""
            SELECT day,
                sumIf(received_count, platform = 'facebook'),
                sumIf(sent_count, platform = 'facebook'),
                sumIf(received_count, platform = 'instagram'),
                sumIf(sent_count, platform = 'instagram'),
                sumIf(received_count, platform = 'x'),
                sumIf(sent_count, platform = 'x'),
                sum(received_count) + sum(sent_count)
            FROM {views}.messages_daily GROUP BY day ORDER BY day DESC LIMIT 12
        """,
        columns=(
            ("day", str),
            ("Messenger in", number),
            ("out", number),
            ("Instagram in", number),
            ("out", number),
            ("X in", number),
            ("out", number),
            ("all", number),
        ),
        when_empty="no messages yet",
    ),
    Metric(
        title="Active conversations this month",
        # `conversations` says which month it is in each profile's zone.
        sql="""
            SELECT profile_id, facebook_count, instagram_count, x_count, active_count,
                monthly_limit, limit_share, is_limit_reached
            FROM {views}.active_conversations
            WHERE (profile_id, month) IN (SELECT profile_id, month FROM {views}.conversations)
            ORDER BY active_count DESC, profile_id LIMIT 12
        """,
        columns=(
            ("profile", short),
            ("Messenger", number),
            ("Instagram", number),
            ("X", number),
            ("active", number),
            ("limit", number),
            ("share", share),
            ("", limit_reached),
        ),
        when_empty="none",
    ),
    Metric(
        title="Waiting for a reply",
        # Who loses the chance to be answered first; then the closed ones; then those with no end.
        sql="""
            SELECT conversation_id, profile_id, waiting_seconds, window_remaining_seconds,
                count() OVER ()
            FROM {views}.waiting_conversations
            WHERE NOT is_archived
            ORDER BY window_remaining_seconds IS NULL, NOT is_window_open,
                window_remaining_seconds, waiting_seconds DESC
            LIMIT 12
        """,
        columns=(
            ("conversation", str),
            ("profile", short),
            ("waiting", duration),
            ("left to reply", time_left),
        ),
        when_empty="nobody",
        shown_of="whose reply window ends first",
    ),
    Metric(
        title="First response",
        sql="""
            SELECT platform, count(), countIf(is_answered),
                quantileExactInclusiveOrNull(0.5)(response_seconds),
                quantileExactInclusiveOrNull(0.9)(response_seconds)
            FROM {views}.first_responses
            WHERE NOT has_backfill GROUP BY platform ORDER BY platform
        """,
        columns=(
            ("platform", str),
            ("conversations", number),
            ("answered", number),
            ("median", duration),
            ("90 % within", duration),
        ),
        when_empty="no conversations yet",
    ),
    Metric(
        title="Sends",
        sql="""
            SELECT outcome, if(reason = '', '-', reason), countIf(origin = 'api'),
                countIf(origin = 'auto'), sum(attempt_count)
            FROM {views}.sends
            GROUP BY outcome, reason
            ORDER BY indexOf(['sent', 'unknown', 'failed', 'pending', 'rejected'], outcome),
                count() DESC, reason
            LIMIT 24
        """,
        columns=(
            ("outcome", str),
            ("reason", str),
            ("by operators", number),
            ("automatic", number),
            ("attempts", number),
        ),
        when_empty="none yet",
    ),
    Metric(
        title="Delivery of accepted sends",
        sql="""
            SELECT s.platform, countIf(s.origin = 'api'), countIf(s.origin = 'auto'),
                countIf(s.outcome = 'sent') / count(),
                quantileExactInclusiveOrNull(0.5)(s.seconds),
                quantileExactInclusiveOrNull(0.9)(s.seconds),
                countIf(m.delivered_at IS NOT NULL), countIf(m.read_at IS NOT NULL)
            FROM
            (
                SELECT *,
                    if(outcome = 'sent', dateDiff('millisecond', accepted_at, finished_at), NULL)
                        / 1000 AS seconds
                FROM {views}.sends WHERE accepted_at IS NOT NULL
            ) AS s
            LEFT JOIN
            (
                SELECT profile_id, command_id, delivered_at, read_at
                FROM {views}.messages WHERE command_id != ''
            ) AS m
            ON m.profile_id = s.profile_id AND m.command_id = s.command_id
            GROUP BY s.platform ORDER BY s.platform
        """,
        columns=(
            ("platform", str),
            ("by operators", number),
            ("automatic", number),
            ("sent", share),
            ("median", fraction),
            ("90 % within", fraction),
            ("delivered", number),
            ("read", number),
        ),
        when_empty="none yet",
    ),
    Metric(
        title="Kept as failures",
        sql="""
            SELECT stage, reason, count() FROM {views}.failed_events
            GROUP BY stage, reason ORDER BY count() DESC LIMIT 12
        """,
        columns=(("stage", str), ("reason", str), ("records", number)),
        when_empty="none",
    ),
)
