"""The overview: one question for each chart and tile."""

from streams.dashboard.questions.question import DAYS, FILTER, PERIOD, SINCE, Question, listed

MEDIAN_AND_P90 = """if(isNaN(quantilesExactInclusive(0.5, 0.9)({0})[1]), NULL,
                quantilesExactInclusive(0.5, 0.9)({0})[1]) AS median_seconds,
            if(isNaN(quantilesExactInclusive(0.5, 0.9)({0})[2]), NULL,
                quantilesExactInclusive(0.5, 0.9)({0})[2]) AS p90_seconds"""
"""Null where there is no value. One function of both: it sorts once."""

CHARTS = (
    Question(
        "messages_per_day",
        "messages_received",
        f"""
        -- Not of messages_daily, which makes a row for each profile and platform first.
        SELECT day, sum(received_count) AS received, sum(sent_count) AS sent,
            sum(auto_sent_count) AS auto_responses
        FROM conversation_activity WHERE {PERIOD} GROUP BY day ORDER BY day {DAYS}
        """,
    ),
    Question(
        "conversations_started",
        "conversations_started",
        f"""
        SELECT day, sum(started_count) AS started
        FROM conversations_started_daily WHERE {PERIOD} GROUP BY day ORDER BY day {DAYS}
        """,
    ),
    Question(
        "busiest_hours",
        "busiest_hours",
        f"""
        SELECT weekday, hour, sum(received) AS received FROM
        (
            SELECT toDayOfWeek(local) AS weekday, toHour(local) AS hour, received FROM
            (
                -- The clock there is looked at once for each quarter of an hour, not for each row.
                SELECT sum(received_count) AS received,
                    if(zone = 'UTC', began_at, parseDateTimeBestEffort(
                        formatDateTime(began_at, '%Y-%m-%d %H:%i:%S', toString(zone)), 'UTC')) AS local
                FROM conversation_activity WHERE {PERIOD} GROUP BY zone, began_at
            )
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
            {MEDIAN_AND_P90.format("response_seconds")}
        FROM reporting_spans
        WHERE {FILTER} AND started_at >= {SINCE}
            AND (kind = 'next_response' OR NOT has_backfill)
        GROUP BY kind ORDER BY kind
        """,
    ),
    Question(
        "business_hours",
        "business_response_seconds",
        f"""
        SELECT kind, countIf(business_response_seconds > 0) AS in_hours,
            countIf(is_answered) AS answered,
            {MEDIAN_AND_P90.format("business_response_seconds")}
        FROM reporting_spans
        WHERE {FILTER} AND started_at >= {SINCE}
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
            WHERE {FILTER} AND started_at >= {SINCE}
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
        WHERE {FILTER} AND started_at >= {SINCE}
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
        FROM waiting_conversations WHERE {FILTER}
        """,
    ),
    listed(
        "closing_soon",
        "windows_closing",
        f"""
        SELECT profile_id, conversation_id, platform, waiting_since, window_expires_at,
            window_remaining_seconds, is_over_limit
        FROM closing_windows WHERE {FILTER}
        """,
        by="window_remaining_seconds, conversation_id",
        order="least time left to reply first",
        is_drill_down=False,
    ),
    Question(
        "reply_windows",
        "windows_closed_unanswered",
        f"""
        SELECT count() AS windows, countIf(outcome = 'replied') AS replied,
            countIf(used_share > 0.5) AS after_half, countIf(used_share > 0.9) AS after_nine_tenths,
            countIf(outcome = 'closed') AS closed_unanswered, countIf(outcome = 'open') AS still_open
        FROM reply_windows
        WHERE {FILTER} AND opened_at >= {SINCE}
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
        FROM sends WHERE {FILTER} AND decided_at >= {SINCE}
        """,
    ),
    listed(
        "refusals",
        "refusals",
        f"""
        SELECT outcome, reason, sum(command_count) AS commands FROM send_outcomes_daily
        WHERE {PERIOD} AND outcome IN ('rejected', 'failed', 'unknown')
        GROUP BY outcome, reason
        """,
        by="commands DESC, reason",
        order="most first",
        is_drill_down=False,
    ),
    listed(
        "limits",
        "limit_share",
        """
        SELECT profile_id, month, active_count, monthly_limit, limit_share, is_limit_reached
        FROM active_conversations
        WHERE ({profile:String} = '' OR profile_id = {profile:String})
            AND month = formatDateTime(now('UTC'), '%Y-%m')
        """,
        by="limit_share DESC, profile_id",
        order="largest share of the limit first",
        is_drill_down=False,
    ),
    Question(
        "platforms",
        "messages_received",
        f"""
        SELECT platform, sum(received_count) AS received, sum(sent_count) AS sent
        FROM conversation_activity WHERE {PERIOD} GROUP BY platform ORDER BY platform
        """,
    ),
    listed(
        "attachments",
        "attachments",
        f"""
        SELECT attachment_type, sumIf(attachment_count, direction = 'in') AS received,
            sumIf(attachment_count, direction = 'out') AS sent
        FROM attachments_daily WHERE {PERIOD}
        GROUP BY attachment_type
        """,
        by="received + sent DESC, attachment_type",
        order="most first",
        is_drill_down=False,
    ),
    listed(
        "reactions",
        "reactions",
        f"""
        SELECT emoji, sum(reaction_count) AS reactions FROM reactions_daily WHERE {PERIOD}
        GROUP BY emoji
        """,
        by="reactions DESC, emoji",
        order="most first",
        is_drill_down=False,
    ),
    Question(
        "reads",
        "read_share",
        f"""
        SELECT day, sum(sent_count) AS sent, sum(read_count) AS read,
            if(sent > 0, read / sent, NULL) AS read_share
        FROM read_rates_daily WHERE {PERIOD} GROUP BY day ORDER BY day {DAYS}
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
        FROM ingestion_delays_daily WHERE {PERIOD} GROUP BY day ORDER BY day
        """,
    ),
    listed(
        "failures",
        "failed_events",
        """
        SELECT stage, reason, sum(failure_count) AS failures FROM failed_events_daily
        WHERE day > toDate(now('UTC')) - {days:UInt16}
        GROUP BY stage, reason
        """,
        by="failures DESC, stage, reason",
        order="most first",
        is_drill_down=False,
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
        SELECT profile_id, received_count + sent_count AS messages, count() OVER () AS profiles
        FROM profiles ORDER BY messages DESC, profile_id LIMIT 1000
        """,
    ),
)
