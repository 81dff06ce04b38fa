"""Every question of the pages, as SQL over the views: what an analyst could type as well.

Parameters are the same everywhere: `profile` and `platform` (empty: all), `days` (up to now),
`conversation`. Axes of time are complete: empty days are there, as 0 or as null.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_FILTER = (
    "({profile:String} = '' OR profile_id = {profile:String})"
    " AND ({platform:String} = '' OR platform = {platform:String})"
)
_PERIOD = f"{_FILTER} AND day > toDate(now('UTC')) - {{days:UInt16}}"
_DAYS = "WITH FILL FROM toDate(now('UTC')) - {days:UInt16} + 1 TO toDate(now('UTC')) + 1"
_MOST = 50


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


_CHARTS = (
    Question(
        "messages_per_day",
        "messages_received",
        f"""
        SELECT day, sum(received_count) AS received, sum(sent_count) AS sent,
            sum(auto_sent_count) AS auto_responses
        FROM messages_daily WHERE {_PERIOD} GROUP BY day ORDER BY day {_DAYS}
        """,
    ),
    Question(
        "conversations_started",
        "conversations_started",
        f"""
        SELECT day, sum(started_count) AS started
        FROM conversations_started_daily WHERE {_PERIOD} GROUP BY day ORDER BY day {_DAYS}
        """,
    ),
    Question(
        "busiest_hours",
        "busiest_hours",
        f"""
        SELECT weekday, hour, sum(received) AS received FROM
        (
            SELECT weekday, hour, sum(received_count) AS received
            FROM messages_hourly WHERE {_PERIOD} GROUP BY weekday, hour
            UNION ALL
            SELECT intDiv(number, 24) + 1, number % 24, 0 FROM numbers(168)
        )
        GROUP BY weekday, hour ORDER BY weekday, hour
        """,
    ),
    Question(
        "response_times",
        "response_seconds",
        f"""
        SELECT kind, count() AS spans, countIf(is_answered) AS answered,
            answered / spans AS answered_share,
            quantileExactInclusiveOrNull(0.5)(response_seconds) AS median_seconds,
            quantileExactInclusiveOrNull(0.9)(response_seconds) AS p90_seconds
        FROM reporting_spans
        WHERE {_FILTER} AND started_at > now() - toIntervalDay({{days:UInt16}})
            AND (kind = 'next_response' OR NOT has_backfill)
        GROUP BY kind ORDER BY kind
        """,
    ),
    Question(
        "business_hours",
        "business_response_seconds",
        f"""
        SELECT kind,
            quantileExactInclusiveOrNull(0.5)(business_response_seconds) AS median_seconds,
            quantileExactInclusiveOrNull(0.9)(business_response_seconds) AS p90_seconds
        FROM reporting_spans
        WHERE {_FILTER} AND started_at > now() - toIntervalDay({{days:UInt16}})
            AND (kind = 'next_response' OR NOT has_backfill)
        GROUP BY kind ORDER BY kind
        """,
    ),
    Question(
        "response_distribution",
        "response_seconds",
        f"""
        SELECT bucket, sum(first_spans) AS first_responses, sum(next_spans) AS next_responses FROM
        (
            SELECT
                multiIf(NOT is_answered, 8, response_seconds < 300, 1, response_seconds < 900, 2,
                    response_seconds < 3600, 3, response_seconds < 14400, 4,
                    response_seconds < 28800, 5, response_seconds < 86400, 6, 7) AS bucket,
                countIf(kind = 'first_response') AS first_spans,
                countIf(kind = 'next_response') AS next_spans
            FROM reporting_spans
            WHERE {_FILTER} AND started_at > now() - toIntervalDay({{days:UInt16}})
                AND (kind = 'next_response' OR NOT has_backfill)
            GROUP BY bucket
            UNION ALL SELECT number + 1, 0, 0 FROM numbers(8)
        )
        GROUP BY bucket ORDER BY bucket
        """,
    ),
    Question(
        "auto_responses",
        "auto_response_share",
        f"""
        SELECT has_auto_response, count() AS spans, countIf(is_answered) / spans AS answered_share,
            quantileExactInclusiveOrNull(0.5)(response_seconds) AS median_seconds
        FROM reporting_spans
        WHERE {_FILTER} AND started_at > now() - toIntervalDay({{days:UInt16}})
        GROUP BY has_auto_response ORDER BY has_auto_response DESC
        """,
    ),
    Question(
        "waiting_now",
        "conversations_waiting",
        f"""
        SELECT countIf(NOT is_archived) AS waiting,
            countIf(NOT is_archived AND is_window_open AND window_remaining_seconds <= 86400) AS closing,
            countIf(NOT is_archived AND NOT is_window_open) AS closed,
            maxIf(waiting_seconds, NOT is_archived) AS longest_seconds
        FROM waiting_conversations WHERE {_FILTER}
        """,
    ),
    Question(
        "closing_soon",
        "windows_closing",
        f"""
        SELECT profile_id, conversation_id, platform, waiting_since, window_expires_at,
            window_remaining_seconds, is_over_limit
        FROM closing_windows WHERE {_FILTER}
        ORDER BY window_remaining_seconds, conversation_id LIMIT {_MOST}
        """,
    ),
    Question(
        "reply_windows",
        "windows_closed_unanswered",
        f"""
        SELECT sum(window_count) AS windows, sum(replied_count) AS replied,
            sum(late_half_count) AS after_half, sum(late_nine_tenths_count) AS after_nine_tenths,
            sum(closed_count) AS closed_unanswered, sum(open_count) AS still_open
        FROM reply_windows_daily WHERE {_PERIOD}
        """,
    ),
    Question(
        "sends_by_outcome",
        "send_outcomes",
        f"""
        SELECT count() AS asked, countIf(accepted_at IS NOT NULL) AS accepted,
            countIf(attempt_count > 0) AS attempted, countIf(outcome = 'sent') AS sent,
            countIf(outcome = 'failed') AS failed, countIf(outcome = 'unknown') AS unknown,
            countIf(outcome = 'pending') AS pending, countIf(outcome = 'rejected') AS rejected,
            quantileExactInclusiveOrNull(0.5)(accepted_to_sent_seconds) AS median_seconds,
            quantileExactInclusiveOrNull(0.9)(accepted_to_sent_seconds) AS p90_seconds
        FROM sends WHERE {_FILTER} AND decided_at > now() - toIntervalDay({{days:UInt16}})
        """,
    ),
    Question(
        "refusals",
        "refusals",
        f"""
        SELECT outcome, reason, sum(command_count) AS commands FROM send_outcomes_daily
        WHERE {_PERIOD} AND outcome IN ('rejected', 'failed', 'unknown')
        GROUP BY outcome, reason ORDER BY commands DESC, reason LIMIT 12
        """,
    ),
    Question(
        "limits",
        "limit_share",
        """
        SELECT profile_id, month, active_count, monthly_limit, limit_share, is_limit_reached
        FROM active_conversations
        WHERE ({profile:String} = '' OR profile_id = {profile:String})
            AND month = formatDateTime(now('UTC'), '%Y-%m')
        ORDER BY limit_share DESC, profile_id LIMIT 12
        """,
    ),
    Question(
        "platforms",
        "messages_received",
        f"""
        SELECT platform, sum(received_count) AS received, sum(sent_count) AS sent
        FROM messages_daily WHERE {_PERIOD} GROUP BY platform ORDER BY platform
        """,
    ),
    Question(
        "attachments",
        "attachments",
        f"""
        SELECT attachment_type, sumIf(attachment_count, direction = 'in') AS received,
            sumIf(attachment_count, direction = 'out') AS sent
        FROM attachments_daily WHERE {_PERIOD}
        GROUP BY attachment_type ORDER BY received + sent DESC, attachment_type LIMIT 10
        """,
    ),
    Question(
        "reactions",
        "reactions",
        f"""
        SELECT emoji, sum(reaction_count) AS reactions FROM reactions_daily WHERE {_PERIOD}
        GROUP BY emoji ORDER BY reactions DESC, emoji LIMIT 10
        """,
    ),
    Question(
        "reads",
        "read_share",
        f"""
        SELECT day, sum(sent_count) AS sent, sum(read_count) AS read,
            if(sent > 0, read / sent, NULL) AS read_share
        FROM read_rates_daily WHERE {_PERIOD} GROUP BY day ORDER BY day {_DAYS}
        """,
    ),
    Question(
        "retention",
        "correspondent_retention",
        """
        SELECT cohort_month, months_later, sum(cohort_count) AS correspondents,
            sum(returned_count) AS returned, returned / correspondents AS retention_share
        FROM correspondent_retention
        WHERE ({profile:String} = '' OR profile_id = {profile:String})
            AND cohort_month > toDate(now('UTC')) - toIntervalMonth(7)
        GROUP BY cohort_month, months_later ORDER BY cohort_month, months_later
        """,
    ),
    Question(
        "ingestion_delay",
        "ingestion_delay",
        f"""
        SELECT day, sum(message_count) AS messages, max(p90_seconds) AS p90_seconds
        FROM ingestion_delays_daily WHERE {_PERIOD} GROUP BY day ORDER BY day
        """,
    ),
    Question(
        "failures",
        "failed_events",
        """
        SELECT stage, reason, sum(failure_count) AS failures FROM failed_events_daily
        WHERE day > toDate(now('UTC')) - {days:UInt16}
        GROUP BY stage, reason ORDER BY failures DESC, stage, reason LIMIT 12
        """,
    ),
    Question(
        "completeness",
        "missing_records",
        """
        SELECT topic, count() AS partitions, sum(record_count) AS records,
            sum(missing_count) AS missing, max(last_inserted_at) AS last_inserted_at
        FROM completeness GROUP BY topic ORDER BY topic
        """,
    ),
    Question(
        "profiles",
        "messages_received",
        """
        SELECT profile_id, sum(received_count) + sum(sent_count) AS messages
        FROM messages_daily GROUP BY profile_id ORDER BY messages DESC, profile_id LIMIT 1000
        """,
    ),
)

_DRILL_DOWNS = (
    Question(
        "conversations_by_messages",
        "messages_received",
        f"""
        SELECT profile_id, conversation_id, platform, sum(received_count) AS received,
            sum(sent_count) AS sent, max(began_at) AS last_at
        FROM conversation_activity
        WHERE {_PERIOD} AND ({{more:String}} = '' OR toString(day) = {{more:String}})
        GROUP BY profile_id, conversation_id, platform
        ORDER BY received + sent DESC, conversation_id LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversations_by_hour",
        "busiest_hours",
        f"""
        SELECT profile_id, conversation_id, platform, sum(received_count) AS received,
            max(began_at) AS last_at
        FROM conversation_activity
        WHERE {_PERIOD} AND received_count > 0
            AND (weekday, hour) = (intDiv(toUInt16OrZero({{more:String}}), 24) + 1, toUInt16OrZero({{more:String}}) % 24)
        GROUP BY profile_id, conversation_id, platform
        ORDER BY received DESC, conversation_id LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversations_by_response",
        "response_seconds",
        f"""
        SELECT profile_id, conversation_id, platform, kind, started_at, ended_at, response_seconds
        FROM reporting_spans
        WHERE {_FILTER} AND started_at > now() - toIntervalDay({{days:UInt16}})
            AND ({{more:String}} = '' OR toString(
                multiIf(NOT is_answered, 8, response_seconds < 300, 1, response_seconds < 900, 2,
                    response_seconds < 3600, 3, response_seconds < 14400, 4,
                    response_seconds < 28800, 5, response_seconds < 86400, 6, 7)) = {{more:String}})
        ORDER BY response_seconds DESC, started_at LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversations_waiting",
        "conversations_waiting",
        f"""
        SELECT profile_id, conversation_id, platform, waiting_since, waiting_seconds,
            window_remaining_seconds, is_over_limit
        FROM waiting_conversations WHERE {_FILTER} AND NOT is_archived
        ORDER BY window_remaining_seconds IS NULL, NOT is_window_open, window_remaining_seconds,
            waiting_seconds DESC LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversations_by_send",
        "send_outcomes",
        f"""
        SELECT profile_id, conversation_id, platform, outcome, reason, decided_at, attempt_count
        FROM sends
        WHERE {_FILTER} AND decided_at > now() - toIntervalDay({{days:UInt16}})
            AND ({{more:String}} = '' OR outcome = {{more:String}} OR reason = {{more:String}})
        ORDER BY decided_at DESC, command_id LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversations_by_window",
        "windows_closed_unanswered",
        f"""
        SELECT profile_id, conversation_id, platform, opened_at, expires_at, replied_at, outcome,
            used_share
        FROM reply_windows
        WHERE {_FILTER} AND opened_at > now() - toIntervalDay({{days:UInt16}})
            AND (outcome = {{more:String}} OR ({{more:String}} = 'late' AND used_share > 0.5))
        ORDER BY expires_at DESC, conversation_id LIMIT {_MOST}
        """,
        is_drill_down=True,
    ),
    Question(
        "conversation",
        "messages_received",
        """
        SELECT * FROM conversations
        WHERE profile_id = {profile:String} AND conversation_id = {conversation:String}
        """,
        is_drill_down=True,
        needs_conversation=True,
    ),
    Question(
        "thread",
        "messages_received",
        """
        SELECT * FROM
        (
            SELECT message_id, direction, occurred_at, text, edit_count, attachments, reactions,
                origin, is_deleted, is_unreadable, is_backfilled, delivered_at, read_at
            FROM messages
            WHERE profile_id = {profile:String} AND conversation_id = {conversation:String}
            ORDER BY occurred_at DESC, message_id LIMIT 500
        )
        ORDER BY occurred_at, message_id
        """,
        is_drill_down=True,
        needs_conversation=True,
    ),
    Question(
        "may_be_answered",
        "can_reply",
        """
        SELECT is_allowed, reason, window_expires_at, opens_at, rank_this_month, provider
        FROM can_reply
        WHERE profile_id = {profile:String} AND conversation_id = {conversation:String}
        """,
        is_drill_down=True,
        needs_conversation=True,
    ),
)

ALL = (*_CHARTS, *_DRILL_DOWNS)
BY_NAME: Mapping[str, Question] = {question.name: question for question in ALL}

DEFINITIONS = """
SELECT name, definition, unit, timestamp_used, leaves_out, view FROM metric_definitions ORDER BY name
"""
