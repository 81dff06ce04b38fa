"""From a number to its conversations, and to one of them."""

from streams.dashboard.questions.question import FILTER, PERIOD, SINCE, Question, listed

DRILL_DOWNS = (
    listed(
        "conversations_by_messages",
        "messages_received",
        f"""
        SELECT profile_id, conversation_id, platform, sum(received_count) AS received,
            sum(sent_count) AS sent, max(began_at) AS last_at
        FROM conversation_activity
        WHERE {PERIOD} AND ({{more:String}} = '' OR toString(day) = {{more:String}})
        GROUP BY profile_id, conversation_id, platform
        """,
        by="received + sent DESC, conversation_id, profile_id",
        order="most messages first",
    ),
    listed(
        "conversations_by_hour",
        "busiest_hours",
        f"""
        SELECT profile_id, conversation_id, platform, sum(received_count) AS received,
            max(began_at) AS last_at
        FROM conversation_activity
        WHERE {PERIOD} AND received_count > 0
            AND (weekday, hour) = (intDiv(toUInt16OrZero({{more:String}}), 24) + 1, toUInt16OrZero({{more:String}}) % 24)
        GROUP BY profile_id, conversation_id, platform
        """,
        by="received DESC, conversation_id, profile_id",
        order="most messages first",
    ),
    listed(
        "conversations_by_response",
        "response_seconds",
        f"""
        SELECT profile_id, conversation_id, platform, kind, started_at, ended_at, response_seconds
        FROM reporting_spans
        WHERE {FILTER} AND started_at >= {SINCE}
            AND (kind = 'next_response' OR NOT has_backfill)
            AND ({{more:String}} = '' OR toString(
                multiIf(NOT is_answered, 8, response_seconds < 300, 1, response_seconds < 900, 2,
                    response_seconds < 3600, 3, response_seconds < 14400, 4,
                    response_seconds < 28800, 5, response_seconds < 86400, 6, 7)) = {{more:String}})
        """,
        by="response_seconds DESC, started_at, conversation_id, kind",
        order="longest wait first",
    ),
    listed(
        "conversations_waiting",
        "conversations_waiting",
        f"""
        SELECT profile_id, conversation_id, platform, waiting_since, waiting_seconds,
            window_remaining_seconds, is_over_limit
        FROM waiting_conversations WHERE {FILTER} AND NOT is_archived
        """,
        by="window_remaining_seconds IS NULL, NOT is_window_open, window_remaining_seconds, waiting_seconds DESC, conversation_id",
        order="least time left to reply first",
    ),
    listed(
        "conversations_by_send",
        "send_outcomes",
        f"""
        SELECT profile_id, conversation_id, platform, outcome, reason, decided_at, attempt_count
        FROM sends
        WHERE {FILTER} AND decided_at >= {SINCE}
            AND ({{more:String}} = '' OR outcome = {{more:String}} OR reason = {{more:String}})
        """,
        by="decided_at DESC, command_id",
        order="latest first",
    ),
    listed(
        "conversations_by_window",
        "windows_closed_unanswered",
        f"""
        SELECT profile_id, conversation_id, platform, opened_at, expires_at, replied_at, outcome,
            used_share
        FROM reply_windows
        WHERE {FILTER} AND opened_at >= {SINCE}
            AND (outcome = {{more:String}} OR ({{more:String}} = 'late' AND used_share > 0.5))
        """,
        by="expires_at DESC, conversation_id, opened_at",
        order="latest end first",
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
            ORDER BY occurred_at DESC, message_id DESC LIMIT 500 OFFSET {skip:UInt32}
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
