-- Nobody can answer conversations of deleted profiles: what asks for an answer leaves them out.

-- Private: profiles that are deleted, by the rule of 0021. Few, so that a set of them costs a question
-- next to nothing, and a condition on the key reaches the order of the facts.
CREATE OR REPLACE VIEW ${database}.deleted_profiles ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT profile_id FROM ${database}.profile_switches WHERE is_deleted;

-- As in 0018, without deleted profiles. `closing_windows` reads it.
CREATE OR REPLACE VIEW ${analytics}.waiting_conversations ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    waiting_since DateTime64(3, 'UTC') COMMENT 'The first message of the correspondent after the last reply by a person; UTC',
    waiting_seconds Float64 COMMENT 'From then to the time of the query, seconds',
    is_window_open Bool COMMENT 'A reply is still allowed by the reply window',
    window_expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the reply window; UTC; null: no window',
    window_remaining_seconds Nullable(Float64) COMMENT 'Until then, seconds; negative once it is over; null: no window',
    is_over_limit Bool COMMENT 'Its place in the month is above the limit: no reply may be sent',
    is_archived Bool COMMENT 'The conversation is archived'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    platform,
    f.waiting_since AS waiting_since,
    dateDiff('millisecond', f.waiting_since, now) / 1000 AS waiting_seconds,
    window_seconds IS NULL OR now < window_expires_at AS is_window_open,
    last_received_at + toIntervalSecond(window_seconds) AS window_expires_at,
    dateDiff('millisecond', now, window_expires_at) / 1000 AS window_remaining_seconds,
    arrayMax(arrayConcat([0], arrayMap(place -> if(place.1 = month, place.2, 0), months))) > monthly_limit AS is_over_limit,
    is_archived
FROM
(
    SELECT *, now64(3, 'UTC') AS now, formatDateTime(now, '%Y-%m', zone) AS month
    FROM ${database}.heads_and_settings
    WHERE waiting_since != toDateTime64(0, 3, 'UTC')
        AND profile_id NOT IN (SELECT profile_id FROM ${database}.deleted_profiles)
) AS f;

-- As in 0018, and whether a profile was deleted.
CREATE OR REPLACE VIEW ${analytics}.profiles ${on_cluster}
(
    profile_id String COMMENT 'The profile; those without any message are left out',
    conversation_count UInt64 COMMENT 'Conversations with a message of either side, ever',
    received_count UInt64 COMMENT 'Messages of correspondents, deleted and backfilled ones too, ever',
    sent_count UInt64 COMMENT 'Messages of the profile''s side, auto-responses too, ever',
    last_message_at DateTime64(3, 'UTC') COMMENT 'Latest message of either side; UTC',
    is_deleted Bool COMMENT 'The profile was deleted, and was not registered anew since: nobody can answer its conversations'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    count() AS conversation_count,
    sum(f.received_count) AS received_count,
    sum(f.sent_count) AS sent_count,
    max(greatest(last_received_at, last_sent_at)) AS last_message_at,
    profile_id IN (SELECT profile_id FROM ${database}.deleted_profiles) AS is_deleted
FROM ${database}.live_heads AS f
WHERE f.received_count + f.sent_count > 0
GROUP BY profile_id;

-- The dictionary, as in 0018, with what is left out now.
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
    ('busiest_hours', 'Messages that correspondents wrote, by weekday and hour in the profile''s zone.', 'messages', 'occurred_at, in the profile''s zone', 'Messages of the profile''s side: sent_count has them.', 'messages_hourly.received_count'),
    ('conversations_started', 'Conversations whose correspondent wrote for the first time, by UTC day.', 'conversations', 'occurred_at', 'Conversations with messages from the provider''s history: they may have begun earlier.', 'conversations_started_daily.started_count'),
    ('active_conversations', 'Conversations with a message of either side in the month; each takes the next place, and the highest place is the count.', 'conversations', 'occurred_at, month in the profile''s zone', 'Reactions, receipts and typing do not make a conversation active. An accepted send keeps its place even if it fails.', 'active_conversations.active_count'),
    ('rank_this_month', 'Which place of the profile''s month a conversation took, from 1 on; 0 where it is not active in the month.', 'place', 'time of the query, month in the profile''s zone', 'Nothing: places above the limit are told, too; is_over_limit says so.', 'conversations.rank_this_month'),
    ('limit_share', 'Active conversations of the month as a share of the profile''s monthly limit as it stands now.', 'share', 'occurred_at, month in the profile''s zone', 'Nothing: conversations above the limit count, so it can pass 1.', 'active_conversations.limit_share'),
    ('conversations_waiting', 'Conversations whose correspondent wrote after the last reply by a person.', 'conversations', 'time of the query', 'Conversations of deleted profiles: nobody can answer them. Auto-responses are no reply. The view has archived conversations too, marked is_archived; the dashboard leaves them out.', 'waiting_conversations'),
    ('waiting_seconds', 'How long a correspondent has waited: from their first message after the last reply by a person.', 'seconds', 'occurred_at to the time of the query', 'Conversations that were answered, and those of deleted profiles.', 'waiting_conversations.waiting_seconds'),
    ('window_remaining_seconds', 'How long a reply is still allowed by the reply window; negative once it is over.', 'seconds', 'time of the query', 'Platforms and profiles without a window; deleted profiles.', 'waiting_conversations.window_remaining_seconds'),
    ('windows_closing', 'Conversations that wait for a reply and whose reply window ends within 24 hours.', 'conversations', 'time of the query', 'Archived conversations, those without a window, and those of deleted profiles.', 'closing_windows'),
    ('windows_closed_unanswered', 'Reply windows that ended without a reply by a person, by the UTC day on which they opened.', 'windows', 'occurred_at to the time of the query', 'Windows that a further message of the correspondent moved: that message''s window counts. Lengths are those of the settings now. Windows of deleted profiles count.', 'reply_windows_daily.closed_count'),
    ('replies_after_half_window', 'Replies by a person that came after half of the reply window had passed.', 'windows', 'occurred_at', 'Auto-responses; platforms and profiles without a window.', 'reply_windows_daily.late_half_count'),
    ('replies_after_nine_tenths_window', 'Replies by a person that came after nine tenths of the reply window had passed.', 'windows', 'occurred_at', 'Auto-responses; platforms and profiles without a window.', 'reply_windows_daily.late_nine_tenths_count'),
    ('can_reply', 'Whether a message may be sent in the conversation at the time of the query, and if not, the first rule that forbids it; the same decision as the pipeline''s, on the events in the archive.', 'yes or no', 'time of the query', 'What is still on its way to the archive; the text and media of the message itself.', 'can_reply.is_allowed'),
    ('response_seconds', 'From a message of the correspondent that waits for a reply to the next message of a person of the profile''s side; the first such wait of a conversation is first_response, each later one next_response.', 'seconds', 'occurred_at, by the start of the wait', 'Auto-responses. Waits that are not over have none. First responses of conversations with messages from the provider''s history are left out of shares and percentiles.', 'reporting_spans.response_seconds'),
    ('business_response_seconds', 'The part of the response time that lies in business hours: those of the profile, or of DM_BUSINESS_HOURS (Monday to Friday, 09:00 to 17:00), by the clock in the profile''s zone.', 'seconds', 'occurred_at, in the profile''s zone', 'Public holidays are not known and count as other days.', 'reporting_spans.business_response_seconds'),
    ('first_response_seconds', 'From the correspondent''s first message to the first message of a person of the profile''s side.', 'seconds', 'occurred_at', 'Auto-responses. Conversations that are not answered have none.', 'first_responses.response_seconds'),
    ('median_first_response_seconds', 'Half of the answered conversations waited at most this long for the first response, by the UTC day of the first message.', 'seconds', 'occurred_at', 'Conversations not answered yet, and those with backfilled messages, which may have begun earlier.', 'first_response_times.median_seconds'),
    ('next_response_seconds', 'Half of the answered waits after a conversation''s first one were at most this long, by the UTC day on which they began; p90_seconds has nine of ten.', 'seconds', 'occurred_at, by the start of the wait', 'Auto-responses. Waits that are not over have none.', 'response_times_daily.median_seconds'),
    ('auto_response_effect', 'How many waits a person answered, and half of them within which time, where an auto-response came and where none did.', 'share', 'occurred_at, by the start of the wait', 'Whether the auto-response is the cause: profiles that answer by themselves differ in other ways, too.', 'auto_response_effect.answered_share'),
    ('response_rate', 'Waits for a reply that a person has answered by now, of all that began on the day.', 'share', 'occurred_at, by the start of the wait', 'First responses of conversations with backfilled messages.', 'response_times_daily.answered_share'),
    ('auto_response_share', 'Waits for a reply during which an auto-response came, and how waits with and without one ended.', 'waits', 'occurred_at, by the start of the wait', 'Nothing: a wait that an auto-response begins and a person ends counts once, on the side with one.', 'auto_response_effect.span_count'),
    ('messages_read_share', 'Messages out that the correspondent is known to have read, of all messages out.', 'share', 'occurred_at', 'Reads the platform does not tell of: it is a lower bound.', 'messages.read_at'),
    ('read_share', 'Messages out that the other side is known to have read, of all messages out of the day.', 'share', 'occurred_at of the message', 'Reads the platform does not tell of: it is a lower bound.', 'read_rates_daily.read_share'),
    ('read_seconds', 'Half of the messages out that were read were read within this time.', 'seconds', 'occurred_at of the message', 'Messages that are not known to have been read.', 'read_rates_daily.median_read_seconds'),
    ('reactions', 'Reactions that stand, by the day on which they were set.', 'reactions', 'occurred_at of the reaction', 'Reactions that were removed, or replaced by the same person''s next one.', 'reactions_daily.reaction_count'),
    ('attachments', 'Attachments of messages, by type.', 'attachments', 'occurred_at of the message', 'Attachments of deleted messages.', 'attachments_daily.attachment_count'),
    ('correspondent_retention', 'Of the correspondents who first wrote in one UTC month, the share who wrote in a later one.', 'share', 'occurred_at', 'Messages of the profile''s side: a correspondent counts in a month only if they wrote.', 'correspondent_retention.retention_share'),
    ('send_outcomes', 'Commands to send by what became of them: sent, rejected, failed, unknown or pending.', 'commands', 'occurred_at of the decision', 'Messages written outside of dmstream.', 'sends.outcome'),
    ('refusals', 'Commands to send that were rejected or failed, or whose outcome is unknown, by reason.', 'commands', 'occurred_at of the decision', 'Commands that were sent or are pending.', 'send_outcomes_daily.command_count'),
    ('delivery_success', 'Accepted commands to send that became a message, of those that are not pending.', 'share', 'occurred_at of the acceptance', 'Rejected commands; pending ones.', 'delivery_daily.success_share'),
    ('delivery_unknown', 'Accepted commands to send of which nobody knows whether they were delivered, of those that are not pending.', 'share', 'occurred_at of the acceptance', 'Rejected commands; pending ones; those that an echo resolved.', 'delivery_daily.unknown_share'),
    ('send_seconds', 'From a command''s acceptance to the platform''s time of the message.', 'seconds', 'occurred_at', 'Commands without a message.', 'sends.accepted_to_sent_seconds'),
    ('failed_events', 'Failures, each counted once however often it was told.', 'failures', 'failed_at', 'Sends that platforms refused: they are in sends.', 'failed_events'),
    ('ingestion_delay', 'From the platform''s time of a message to our receipt of it: half, and nine of ten, came within this time.', 'seconds', 'occurred_at to received_at', 'Messages from the provider''s history.', 'ingestion_delays_daily.p90_seconds'),
    ('missing_records', 'Offsets that the archive lacks between the first and the last it has of a partition; 0 proves completeness.', 'records', 'none', 'Records after the last archived one: dmstream doctor compares with the log''s end.', 'completeness.missing_count'),
    ('missing_records_daily', 'Offsets that the archive lacks of a partition, by the UTC day of the records around them.', 'records', 'Kafka''s timestamp', 'Records of topics that are compacted leave gaps of their own.', 'completeness_daily.missing_count')
);
