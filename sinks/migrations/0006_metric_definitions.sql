-- The dictionary: what each number means. The one source for pages, help texts and panels.

CREATE OR REPLACE VIEW ${analytics}.metric_definitions ${on_cluster}
(
    name String COMMENT 'Name of the metric; unique',
    definition String COMMENT 'What it counts or measures, in one sentence',
    unit LowCardinality(String) COMMENT 'messages, conversations, seconds, share and so on',
    timestamp_used LowCardinality(String) COMMENT 'Which time places it: occurred_at (the platform''s), received_at (ours), or the time of the query',
    leaves_out String COMMENT 'What is not counted',
    view LowCardinality(String) COMMENT 'Where it is: view.column in this database'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT *
FROM values(
    'name String, definition String, unit String, timestamp_used String, leaves_out String, view String',
    ('messages_received', 'Messages that correspondents wrote, by UTC day.', 'messages', 'occurred_at', 'Reactions, receipts, typing, postbacks and referrals. Deleted messages count.', 'messages_daily.received_count'),
    ('messages_sent', 'Messages of the profile''s side, through dmstream or elsewhere, by UTC day.', 'messages', 'occurred_at', 'Sends that were rejected, failed or are unknown. Auto-responses count; auto_sent_count has them apart.', 'messages_daily.sent_count'),
    ('messages_backfilled', 'Messages that are known from the provider''s history alone, by UTC day.', 'messages', 'occurred_at', 'Messages that were also received as they happened.', 'messages_daily.backfilled_count'),
    ('active_conversations', 'Conversations with a message of either side in the month; each takes the next place, and the highest place is the count.', 'conversations', 'occurred_at, month in the profile''s zone', 'Reactions, receipts and typing do not make a conversation active. An accepted send keeps its place even if it fails.', 'active_conversations.active_count'),
    ('limit_share', 'Active conversations of the month as a share of the profile''s monthly limit as it stands now.', 'share', 'occurred_at, month in the profile''s zone', 'Nothing: conversations above the limit count, so it can pass 1.', 'active_conversations.limit_share'),
    ('conversations_waiting', 'Conversations whose correspondent wrote after the last reply by a person.', 'conversations', 'time of the query', 'Auto-responses are no reply. Archived conversations count; is_archived tells them apart.', 'waiting_conversations'),
    ('waiting_seconds', 'How long a correspondent has waited: from their first message after the last reply by a person.', 'seconds', 'occurred_at to the time of the query', 'Conversations that were answered.', 'waiting_conversations.waiting_seconds'),
    ('window_remaining_seconds', 'How long a reply is still allowed by the reply window; negative once it is over.', 'seconds', 'time of the query', 'Platforms and profiles without a window.', 'waiting_conversations.window_remaining_seconds'),
    ('first_response_seconds', 'From the correspondent''s first message to the first message of a person of the profile''s side.', 'seconds', 'occurred_at', 'Auto-responses. Conversations that are not answered have none.', 'first_responses.response_seconds'),
    ('median_first_response_seconds', 'Half of the answered conversations waited at most this long for the first response, by the UTC day of the first message.', 'seconds', 'occurred_at', 'Conversations not answered yet, and those with backfilled messages, which may have begun earlier.', 'first_response_times.median_seconds'),
    ('messages_read_share', 'Messages out that the correspondent is known to have read, of all messages out.', 'share', 'occurred_at', 'Reads the platform does not tell of: it is a lower bound.', 'messages.read_at'),
    ('send_outcomes', 'Commands to send by what became of them: sent, rejected, failed, unknown or pending.', 'commands', 'received_at', 'Messages written outside of dmstream.', 'sends.outcome'),
    ('send_seconds', 'From a command''s acceptance to the platform''s time of the message.', 'seconds', 'occurred_at', 'Commands without a message.', 'sends.accepted_to_sent_seconds'),
    ('failed_events', 'Failures, each counted once however often it was told.', 'failures', 'failed_at', 'Sends that platforms refused: they are in sends.', 'failed_events'),
    ('missing_records', 'Offsets that the archive lacks between the first and the last it has of a partition; 0 proves completeness.', 'records', 'none', 'Records after the last archived one: dmstream doctor compares with the log''s end.', 'completeness.missing_count')
);
