"""What a report asks, section by section: SQL over the views, and how the answer is drawn.

Parameters: `profile`, and the month as `first` and `after` (its first day and the next month's).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

Rows = Sequence[Sequence[Any]]
Draw = Callable[[Rows], go.Figure]

BLUE, ORANGE, VIOLET, GREEN = "#1d5fd0", "#c2590c", "#7b61c9", "#16794c"
_FEW_BARS = 4
_FEW_TICKS = 5
_MOST_EMOJI = 20
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_HEAT = [[0, "rgba(29,95,208,0)"], [1, "rgba(29,95,208,1)"]]
"""BLUE on whatever the page's ground is, light or dark."""
_MONTH = "profile_id = {profile:String} AND day >= toDate({first:String}) AND day < toDate({after:String})"
_DAYS = (
    "WITH FILL FROM toDate({first:String}) TO least(toDate({after:String}), toDate(now('UTC')) + 1)"
)


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    explained: Mapping[str, str]
    """What columns of the answer mean: names of `metric_definitions`."""
    sql: str
    draw: Draw | None = None
    """None: a table alone."""
    folded: bool = False
    """The table is folded away behind the plot."""
    quiet: int | None = 0
    """What a row that only fills the axis has in every column but the first."""
    has_scale: bool = False
    """Shades stand for numbers: the page draws their scale, as Plotly's can't be transparent."""
    note: str = ""
    """What no metric's definition says."""

    def is_empty(self, rows: Rows) -> bool:
        if self.draw is None:
            return not rows
        return all(cell == self.quiet for row in rows for cell in row[1:])


def _lines(names: Sequence[str], colours: Sequence[str]) -> Draw:
    def draw(rows: Rows) -> go.Figure:
        days = [row[0] for row in rows]
        figure = go.Figure()
        for number, (name, colour) in enumerate(zip(names, colours, strict=True), start=1):
            values = [row[number] for row in rows]
            figure.add_scatter(
                x=days, y=values, name=name, mode="lines+markers", line={"color": colour}
            )
        return figure

    return draw


def _bars(names: Sequence[str], colours: Sequence[str]) -> Draw:
    def draw(rows: Rows) -> go.Figure:
        figure = go.Figure()
        for number, (name, colour) in enumerate(zip(names, colours, strict=True), start=1):
            values = [row[number] for row in rows]
            labels = [str(row[0]).replace("_", " ") for row in rows]
            # One bar alone would fill the page.
            width = 0.3 if len(rows) * len(names) < _FEW_BARS else None
            figure.add_bar(
                x=labels,
                y=values,
                name=name,
                marker={"color": colour, "line": {"width": 0}},
                width=width,
            )
        # Counts are whole: no tick at half a command.
        few = max(cell for row in rows for cell in row[1:]) <= _FEW_TICKS
        figure.update_yaxes(dtick=1 if few else None, tickformat=",~d")
        return figure

    return draw


def _heat(rows: Rows) -> go.Figure:
    values = [[0] * 24 for _ in _WEEKDAYS]
    for weekday, hour, received in rows:
        values[weekday - 1][hour] = received
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(range(24)),
            y=_WEEKDAYS,
            colorscale=_HEAT,
            zmin=0,
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(dtick=3, ticksuffix=" h", showgrid=False, zeroline=False)
    return figure


SECTIONS = (
    Section(
        "The month in numbers",
        {
            "received": "messages_received",
            "sent": "messages_sent",
            "from_history": "messages_backfilled",
        },
        f"""
        SELECT platform, sum(received_count) AS received, sum(sent_count) AS sent,
            sum(auto_sent_count) AS auto_responses, sum(backfilled_count) AS from_history
        FROM messages_daily WHERE {_MONTH} GROUP BY platform ORDER BY platform
        """,
        note="Auto responses are among sent, those from history among received and sent.",
    ),
    Section(
        "Messages per day",
        {"received": "messages_received", "sent": "messages_sent"},
        f"""
        SELECT day, sum(received_count) AS received, sum(sent_count) AS sent
        FROM messages_daily WHERE {_MONTH} GROUP BY day ORDER BY day {_DAYS}
        """,
        _lines(("received", "sent"), (BLUE, ORANGE)),
        folded=True,
    ),
    Section(
        "Active conversations and the limit",
        {"active_count": "active_conversations", "limit_share": "limit_share"},
        """
        SELECT month, active_count, facebook_count, instagram_count, x_count, monthly_limit,
            round(limit_share, 3) AS limit_share
        FROM active_conversations WHERE profile_id = {profile:String}
            AND month = formatDateTime(toDate({first:String}), '%Y-%m')
        """,
        note="Counted by the month in the profile's zone, as the limit is: elsewhere than in UTC"
        " that is not quite the month of the rest of this page.",
    ),
    Section(
        "Response times",
        {
            "answered_share": "response_rate",
            "median_seconds": "response_seconds",
            "p90_seconds": "response_seconds",
            "median_business_seconds": "business_response_seconds",
        },
        """
        SELECT kind, platform, count() AS waits, countIf(is_answered) AS answered,
            round(answered / waits, 3) AS answered_share,
            round(quantileExactInclusiveOrNull(0.5)(response_seconds)) AS median_seconds,
            round(quantileExactInclusiveOrNull(0.9)(response_seconds)) AS p90_seconds,
            -- 0 s would read as an answer at once, where nobody worked.
            if(max(business_response_seconds) > 0, round(quantileExactInclusiveOrNull(0.5)(business_response_seconds)), NULL) AS median_business_seconds
        FROM reporting_spans
        WHERE profile_id = {profile:String} AND toDate(started_at, 'UTC') >= toDate({first:String})
            AND toDate(started_at, 'UTC') < toDate({after:String})
            AND (kind = 'next_response' OR NOT has_backfill)
        GROUP BY kind, platform ORDER BY kind, platform
        """,
        note="Median business is 0 s where most waits lay outside of business hours.",
    ),
    Section(
        "Median response per day, in hours",
        {
            "first_response": "median_first_response_seconds",
            "next_response": "next_response_seconds",
        },
        """
        SELECT day, first_response, next_response FROM
        (
            SELECT toDate(started_at, 'UTC') AS day,
                round(quantileExactInclusiveOrNullIf(0.5)(response_seconds, kind = 'first_response') / 3600, 2) AS first_response,
                round(quantileExactInclusiveOrNullIf(0.5)(response_seconds, kind = 'next_response') / 3600, 2) AS next_response
            FROM reporting_spans
            WHERE profile_id = {profile:String} AND day >= toDate({first:String}) AND day < toDate({after:String})
                AND (kind = 'next_response' OR NOT has_backfill)
            GROUP BY day
        )
        """
        f"ORDER BY day {_DAYS}",
        _lines(("first response", "next response"), (BLUE, VIOLET)),
        folded=True,
        quiet=None,
    ),
    Section(
        "Busiest hours, in the profile's zone",
        {"received": "busiest_hours"},
        f"""
        SELECT weekday, hour, sum(received_count) AS received FROM messages_hourly
        WHERE {_MONTH.replace("day", "utc_day")} AND received_count > 0
        GROUP BY weekday, hour ORDER BY weekday, hour
        """,
        _heat,
        folded=True,
        has_scale=True,
    ),
    Section(
        "Reply windows",
        {
            "after_half": "replies_after_half_window",
            "after_nine_tenths": "replies_after_nine_tenths_window",
            "closed_unanswered": "windows_closed_unanswered",
        },
        f"""
        SELECT platform, sum(window_count) AS windows, sum(replied_count) AS replied,
            sum(late_half_count) AS after_half, sum(late_nine_tenths_count) AS after_nine_tenths,
            sum(closed_count) AS closed_unanswered, sum(open_count) AS still_open
        FROM reply_windows_daily WHERE {_MONTH} GROUP BY platform ORDER BY platform
        """,
        note="Every window was replied to before its end, closed unanswered, or is still open.",
    ),
    Section(
        "What became of sends",
        {"commands": "send_outcomes"},
        f"""
        SELECT concat(outcome, if(reason = '', '', ': '), reason) AS became, sum(command_count) AS commands
        FROM send_outcomes_daily WHERE {_MONTH} GROUP BY became ORDER BY commands DESC, became
        """,
        _bars(("commands",), (BLUE,)),
    ),
    Section(
        "Read by the other side",
        {"read_share": "read_share"},
        f"""
        SELECT platform, sum(sent_count) AS sent, sum(delivered_count) AS delivered,
            sum(read_count) AS read, round(read / sent, 3) AS read_share
        FROM read_rates_daily WHERE {_MONTH} GROUP BY platform ORDER BY platform
        """,
    ),
    Section(
        "Attachments",
        {"received": "attachments", "sent": "attachments"},
        f"""
        SELECT attachment_type, sumIf(attachment_count, direction = 'in') AS received,
            sumIf(attachment_count, direction = 'out') AS sent
        FROM attachments_daily WHERE {_MONTH} GROUP BY attachment_type ORDER BY attachment_type
        """,
        _bars(("received", "sent"), (BLUE, ORANGE)),
    ),
    Section(
        "Reactions",
        {"reactions": "reactions"},
        f"""
        SELECT if(place > {_MOST_EMOJI}, 'others', emoji) AS emoji, sum(count) AS reactions FROM
        (
            SELECT emoji, sum(reaction_count) AS count,
                row_number() OVER (ORDER BY count DESC, emoji) AS place
            FROM reactions_daily WHERE {_MONTH} GROUP BY emoji
        )
        GROUP BY emoji ORDER BY min(place)
        """,
        _bars(("reactions",), (VIOLET,)),
    ),
)

EXPORTS = {
    "messages": "toDate(occurred_at, 'UTC')",
    "reporting_spans": "toDate(started_at, 'UTC')",
    "sends": "toDate(decided_at, 'UTC')",
    "reply_windows": "toDate(opened_at, 'UTC')",
    "messages_daily": "day",
    "messages_hourly": "utc_day",
}
"""Views whose rows of the month are exported, and the day that places a row in it."""
