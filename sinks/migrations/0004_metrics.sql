-- Metrics and operations, on the read models.

CREATE OR REPLACE VIEW ${analytics}.messages_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the messages were written; days without any are left out',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    received_count UInt64 COMMENT 'Messages of correspondents, deleted ones too',
    sent_count UInt64 COMMENT 'Messages of the profile''s side, auto-responses too',
    auto_sent_count UInt64 COMMENT 'Auto-responses among sent_count',
    backfilled_count UInt64 COMMENT 'Of all these, messages that come from the provider''s history'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(occurred_at, 'UTC') AS day,
    profile_id,
    platform,
    countIf(kind = 'message.received') AS received_count,
    countIf(kind = 'message.sent') AS sent_count,
    countIf(kind = 'message.sent' AND origin = 'auto') AS auto_sent_count,
    countIf(is_backfilled) AS backfilled_count
FROM ${database}.events FINAL
WHERE slot = '' AND kind IN ('message.received', 'message.sent')
GROUP BY day, profile_id, platform;

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
    assumeNotNull(c.waiting_since) AS waiting_since,
    dateDiff('millisecond', assumeNotNull(c.waiting_since), now64(3, 'UTC')) / 1000 AS waiting_seconds,
    is_window_open,
    window_expires_at,
    dateDiff('millisecond', now64(3, 'UTC'), window_expires_at) / 1000 AS window_remaining_seconds,
    is_over_limit,
    is_archived
FROM ${analytics}.conversations AS c
WHERE c.is_waiting;

CREATE OR REPLACE VIEW ${analytics}.first_responses ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    first_received_at DateTime64(3, 'UTC') COMMENT 'The correspondent''s first message; UTC',
    first_responded_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first message of a person of the profile''s side from then on, auto-responses left out; UTC; null: none yet',
    is_answered Bool COMMENT 'There is such a message',
    response_seconds Nullable(Float64) COMMENT 'Between the two, seconds; null: not answered yet',
    has_backfill Bool COMMENT 'Messages from the provider''s history are known, so it may have begun earlier'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    platform,
    assumeNotNull(s.first_received_at) AS first_received_at,
    if(empty(replies), NULL, arrayMin(replies)) AS first_responded_at,
    notEmpty(replies) AS is_answered,
    dateDiff('millisecond', first_received_at, first_responded_at) / 1000 AS response_seconds,
    backfilled_count > 0 AS has_backfill
FROM
(
    SELECT *, arrayFilter(replied -> replied >= first_received_at, replied_times) AS replies
    FROM ${database}.conversation_states
    WHERE received_count > 0
) AS s;

CREATE OR REPLACE VIEW ${analytics}.first_response_times ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    day Date COMMENT 'UTC day of the correspondent''s first message',
    conversation_count UInt64 COMMENT 'Conversations that began on that day, as far as is known without backfill',
    answered_count UInt64 COMMENT 'Of these, answered by a person by now',
    median_seconds Nullable(Float64) COMMENT 'Half of the answered ones waited at most this long for the first answer, seconds; null: none answered',
    p90_seconds Nullable(Float64) COMMENT 'Nine of ten answered ones waited at most this long, seconds; null: none answered'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    platform,
    toDate(first_received_at, 'UTC') AS day,
    count() AS conversation_count,
    countIf(is_answered) AS answered_count,
    quantileExactInclusiveOrNull(0.5)(response_seconds) AS median_seconds,
    quantileExactInclusiveOrNull(0.9)(response_seconds) AS p90_seconds
FROM ${analytics}.first_responses
WHERE NOT has_backfill
GROUP BY profile_id, platform, day;

CREATE OR REPLACE VIEW ${analytics}.sends ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    command_id String COMMENT 'The command to send; one row each',
    conversation_id String COMMENT 'platform:account:correspondent; empty where the command named none that is known',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x; empty where unknown',
    origin LowCardinality(String) COMMENT 'api or auto',
    outcome LowCardinality(String) COMMENT 'sent, rejected, failed, unknown (it may have been delivered), or pending',
    reason LowCardinality(String) COMMENT 'Why it was rejected, failed or is unknown; empty otherwise',
    message_id String COMMENT 'The platform''s id of the message it became; empty if none is known',
    attempt_count UInt64 COMMENT 'Requests to the platform that were begun',
    accepted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When all rules were passed; UTC; null: not accepted',
    first_attempted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the first request was begun; UTC; null: none',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the message was written, by the platform; UTC; null: it was not, as far as is known',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome was known: received, UTC; null: pending',
    accepted_to_sent_seconds Nullable(Float64) COMMENT 'From acceptance to the platform''s time of the message, seconds; null: not both are known'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    command_id,
    conversation_id,
    platform,
    if(is_auto, 'auto', 'api') AS origin,
    -- An echo proves it, whatever was thought before; then what is final; then what is open.
    multiIf(
        s.sent_at IS NOT NULL, 'sent',
        rejection.2 IS NOT NULL, 'rejected',
        failure.2 IS NOT NULL, 'failed',
        doubt.2 IS NOT NULL, 'unknown',
        'pending'
    ) AS outcome,
    multiIf(outcome = 'rejected', rejection.1, outcome = 'failed', failure.1, outcome = 'unknown', doubt.1, '') AS reason,
    message_id,
    attempt_count,
    s.accepted_at AS accepted_at,
    first_attempted_at,
    s.sent_at AS sent_at,
    multiIf(
        outcome = 'sent', sent_known_at,
        outcome = 'rejected', rejection.2,
        outcome = 'failed', failure.2,
        outcome = 'unknown', doubt.2,
        NULL
    ) AS finished_at,
    dateDiff('millisecond', s.accepted_at, s.sent_at) / 1000 AS accepted_to_sent_seconds
FROM
(
    SELECT
        profile_id,
        command_id,
        max(conversation_id) AS conversation_id,
        max(platform) AS platform,
        countIf(origin = 'auto') > 0 AS is_auto,
        argMinIf(message_id, (occurred_at, event_id), kind = 'message.sent') AS message_id,
        countIf(kind = 'send.attempted') AS attempt_count,
        minOrNullIf(occurred_at, kind = 'send.accepted') AS accepted_at,
        minOrNullIf(occurred_at, kind = 'send.attempted') AS first_attempted_at,
        minOrNullIf(occurred_at, kind = 'message.sent') AS sent_at,
        minOrNullIf(received_at, kind = 'message.sent') AS sent_known_at,
        -- (reason, when it was known) of the first of each; the latest doubt.
        (argMinIf(reason, (received_at, event_id), kind = 'send.rejected'), minOrNullIf(received_at, kind = 'send.rejected')) AS rejection,
        (argMinIf(reason, (received_at, event_id), kind = 'send.failed'), minOrNullIf(received_at, kind = 'send.failed')) AS failure,
        (argMaxIf(reason, (received_at, event_id), kind = 'send.unknown'), maxOrNullIf(received_at, kind = 'send.unknown')) AS doubt
    FROM ${database}.events FINAL
    WHERE command_id != ''
    GROUP BY profile_id, command_id
) AS s;
