-- Conversations and the profile's months.

-- Private: what each profile changed of the defaults. An absent value of a later change leaves the
-- earlier one.
CREATE OR REPLACE VIEW ${database}.profile_changes ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    argMaxOrNullIf(JSONExtractUInt(details, 'monthly_limit'), (occurred_at, event_id), JSONHas(details, 'monthly_limit')) AS monthly_limit,
    argMaxIf(JSONExtractString(details, 'month_zone'), (occurred_at, event_id), JSONHas(details, 'month_zone')) AS month_zone,
    -- As JSON: a number of seconds, null (no window), or empty where never changed.
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'facebook'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'facebook')) AS facebook_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'instagram'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'instagram')) AS instagram_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'x'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'x')) AS x_window
FROM ${database}.events FINAL
-- Events of a profile have no conversation: the key finds them without reading the messages.
WHERE conversation_id = '' AND kind = 'limit.changed'
GROUP BY profile_id;

-- Private: the defaults as one row.
CREATE OR REPLACE VIEW ${database}.default_values ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toUInt64OrZero(anyIf(value, name = 'monthly_limit')) AS monthly_limit,
    anyIf(value, name = 'month_zone') AS month_zone,
    anyIf(value, name = 'reply_window_seconds.facebook') AS facebook_window,
    anyIf(value, name = 'reply_window_seconds.instagram') AS instagram_window,
    anyIf(value, name = 'reply_window_seconds.x') AS x_window
FROM ${database}.defaults FINAL;

-- Private: one row per conversation that has a message, from one pass over its events.
CREATE OR REPLACE VIEW ${database}.conversation_states ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    max(platform) AS platform,
    argMaxIf(provider, (occurred_at, event_id), kind IN ('message.received', 'message.sent')) AS provider,
    max(account_id) AS account_id,
    max(correspondent_id) AS correspondent_id,
    argMaxIf(correspondent_name, (occurred_at, event_id), correspondent_name != '') AS correspondent_name,
    argMaxIf(correspondent_username, (occurred_at, event_id), correspondent_username != '') AS correspondent_username,
    argMaxIf(external_conversation_id, (occurred_at, event_id), external_conversation_id != '') AS external_conversation_id,
    minOrNullIf(occurred_at, kind = 'message.received') AS first_received_at,
    maxOrNullIf(occurred_at, kind = 'message.received') AS last_received_at,
    minOrNullIf(occurred_at, kind = 'message.sent') AS first_sent_at,
    maxOrNullIf(occurred_at, kind = 'message.sent') AS last_sent_at,
    countIf(kind = 'message.received') AS received_count,
    countIf(kind = 'message.sent') AS sent_count,
    countIf(kind = 'message.sent' AND origin = 'auto') AS auto_sent_count,
    countIf(kind IN ('message.received', 'message.sent') AND is_backfilled) AS backfilled_count,
    groupArrayIf(occurred_at, kind = 'message.received') AS received_times,
    -- A person's replies: what the auto-response said answers nobody.
    groupArrayIf(occurred_at, kind = 'message.sent' AND origin != 'auto') AS replied_times,
    groupArrayIf((month, rank), kind = 'conversation.activated') AS months,
    argMaxIf(kind = 'conversation.archived', (occurred_at, event_id), kind IN ('conversation.archived', 'conversation.unarchived')) AS is_archived,
    argMaxIf(control, (occurred_at, event_id), control != '') AS thread_control,
    maxOrNullIf(occurred_at, control != '') AS thread_control_told_at
FROM
(
    SELECT
        *,
        -- What an event tells of who controls the thread; the latest that tells wins.
        multiIf(
            kind = 'thread.control_lost' OR is_standby, 'other',
            kind = 'thread.control_gained', 'ours',
            kind = 'message.sent' AND command_id != '', 'ours',
            kind = 'send.failed' AND reason = 'thread_control', 'other',
            kind = 'message.received' AND provider = 'meta' AND platform IN ('facebook', 'instagram') AND NOT is_backfilled, 'ours',
            ''
        ) AS control
    FROM ${database}.events FINAL
    WHERE conversation_id != ''
)
GROUP BY profile_id, conversation_id
HAVING received_count + sent_count > 0;

CREATE OR REPLACE VIEW ${analytics}.conversations ${on_cluster}
(
    profile_id String COMMENT 'The profile whose account it is',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    provider LowCardinality(String) COMMENT 'Where its latest message came from: ayrshare, meta, x or sandbox',
    account_id String COMMENT 'The page, professional account or X user of the profile',
    correspondent_id String COMMENT 'The person, as this account''s platform names them',
    correspondent_name String COMMENT 'As the platform last told it; empty if never',
    correspondent_username String COMMENT 'As the platform last told it; empty if never',
    external_conversation_id String COMMENT 'The provider''s own id of the conversation, last told; empty if never',
    first_message_at DateTime64(3, 'UTC') COMMENT 'Earliest message of either side, backfilled ones too; UTC',
    last_message_at DateTime64(3, 'UTC') COMMENT 'Latest message of either side; UTC',
    first_received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Earliest message of the correspondent; UTC; null: they never wrote',
    last_received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest message of the correspondent, later deleted ones too; UTC; null: they never wrote',
    first_sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Earliest message of the profile''s side; UTC; null: none',
    last_sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest message of the profile''s side; UTC; null: none',
    message_count UInt64 COMMENT 'Messages of both sides, deleted and backfilled ones too',
    received_count UInt64 COMMENT 'Messages of the correspondent',
    sent_count UInt64 COMMENT 'Messages of the profile''s side, auto-responses too',
    auto_sent_count UInt64 COMMENT 'Auto-responses among sent_count',
    backfilled_count UInt64 COMMENT 'Messages among message_count that come from the provider''s history',
    window_expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the reply window: last_received_at and the window of the platform or profile; UTC; null: no window, or they never wrote',
    is_window_open Bool COMMENT 'The correspondent has written, and the reply window has not ended at the time of the query',
    month LowCardinality(String) COMMENT 'The month at the time of the query, in the profile''s zone, as 2026-11',
    is_active_this_month Bool COMMENT 'It has a place in that month',
    rank_this_month UInt32 COMMENT 'Its place in the profile''s month, from 1; 0: not active in it',
    is_over_limit Bool COMMENT 'Its place is above the profile''s monthly limit: it receives, but nothing may be sent',
    thread_control LowCardinality(String) COMMENT 'Which app may send: ours, other, or unknown',
    thread_control_told_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the latest event that tells of it happened; UTC; null: none tells',
    is_waiting Bool COMMENT 'The correspondent wrote after the last reply by a person',
    waiting_since Nullable(DateTime64(3, 'UTC')) COMMENT 'The first message of the correspondent after the last reply by a person (auto-responses are none); UTC; null: nobody waits',
    is_archived Bool COMMENT 'Archived, and not unarchived since'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    s.profile_id AS profile_id,
    s.conversation_id AS conversation_id,
    s.platform AS platform,
    s.provider AS provider,
    s.account_id AS account_id,
    s.correspondent_id AS correspondent_id,
    s.correspondent_name AS correspondent_name,
    s.correspondent_username AS correspondent_username,
    s.external_conversation_id AS external_conversation_id,
    least(ifNull(s.first_received_at, s.first_sent_at), ifNull(s.first_sent_at, s.first_received_at)) AS first_message_at,
    greatest(ifNull(s.last_received_at, s.last_sent_at), ifNull(s.last_sent_at, s.last_received_at)) AS last_message_at,
    s.first_received_at AS first_received_at,
    s.last_received_at AS last_received_at,
    s.first_sent_at AS first_sent_at,
    s.last_sent_at AS last_sent_at,
    s.received_count + s.sent_count AS message_count,
    s.received_count AS received_count,
    s.sent_count AS sent_count,
    s.auto_sent_count AS auto_sent_count,
    s.backfilled_count AS backfilled_count,
    s.last_received_at + toIntervalSecond(s.window_seconds) AS window_expires_at,
    s.last_received_at IS NOT NULL AND (s.window_seconds IS NULL OR now64(3, 'UTC') < window_expires_at) AS is_window_open,
    s.month AS month,
    rank_this_month > 0 AS is_active_this_month,
    arrayMax(arrayConcat([0], arrayMap(place -> if(place.1 = s.month, place.2, 0), s.months))) AS rank_this_month,
    rank_this_month > s.monthly_limit AS is_over_limit,
    if(s.thread_control = '', 'unknown', s.thread_control) AS thread_control,
    s.thread_control_told_at AS thread_control_told_at,
    waiting_since IS NOT NULL AS is_waiting,
    if(empty(s.unanswered_times), NULL, arrayMin(s.unanswered_times)) AS waiting_since,
    s.is_archived AS is_archived
FROM
(
    SELECT
        c.profile_id AS profile_id,
        c.* EXCEPT (profile_id, received_times, replied_times),
        arrayFilter(received -> empty(c.replied_times) OR received > arrayMax(c.replied_times), c.received_times) AS unanswered_times,
        toUInt32OrNull(multiIf(
            c.platform = 'facebook', if(p.facebook_window != '', p.facebook_window, d.facebook_window),
            c.platform = 'instagram', if(p.instagram_window != '', p.instagram_window, d.instagram_window),
            c.platform = 'x', if(p.x_window != '', p.x_window, d.x_window),
            ''
        )) AS window_seconds,
        ifNull(p.monthly_limit, d.monthly_limit) AS monthly_limit,
        formatDateTime(now64(3, 'UTC'), '%Y-%m', if(p.month_zone != '', p.month_zone, d.month_zone)) AS month
    FROM ${database}.conversation_states AS c
    LEFT JOIN ${database}.profile_changes AS p ON c.profile_id = p.profile_id
    CROSS JOIN ${database}.default_values AS d
) AS s;

CREATE OR REPLACE VIEW ${analytics}.active_conversations ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    month LowCardinality(String) COMMENT 'The month, in the profile''s zone, as 2026-11',
    active_count UInt64 COMMENT 'Active conversations of all platforms: the highest place taken',
    facebook_count UInt64 COMMENT 'Of these, on Facebook Messenger',
    instagram_count UInt64 COMMENT 'Of these, on Instagram',
    x_count UInt64 COMMENT 'Of these, on X',
    monthly_limit UInt64 COMMENT 'The profile''s limit as it stands now, or the default',
    limit_share Float64 COMMENT 'active_count / monthly_limit; 1 is the limit, more is over it; inf where the limit is 0',
    is_limit_reached Bool COMMENT 'active_count is at or above the limit: conversations not active this month can''t be answered'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    a.profile_id AS profile_id,
    a.month AS month,
    a.active_count AS active_count,
    a.facebook_count AS facebook_count,
    a.instagram_count AS instagram_count,
    a.x_count AS x_count,
    ifNull(p.monthly_limit, d.monthly_limit) AS monthly_limit,
    active_count / monthly_limit AS limit_share,
    active_count >= monthly_limit AS is_limit_reached
FROM
(
    SELECT
        profile_id,
        month,
        max(rank) AS active_count,
        uniqExactIf(conversation_id, platform = 'facebook') AS facebook_count,
        uniqExactIf(conversation_id, platform = 'instagram') AS instagram_count,
        uniqExactIf(conversation_id, platform = 'x') AS x_count
    FROM ${database}.events FINAL
    -- It is about no message: the key leaves out most of each conversation.
    WHERE message_id = '' AND kind = 'conversation.activated'
    GROUP BY profile_id, month
) AS a
LEFT JOIN ${database}.profile_changes AS p ON a.profile_id = p.profile_id
CROSS JOIN ${database}.default_values AS d;
