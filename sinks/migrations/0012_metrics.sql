-- The metrics, on the facts of conversations (0009). Views of earlier files that are made anew here
-- say the same as before, faster.

-- Private: each profile's own settings over the defaults; profiles that changed none have no row.
-- A zone that the engine does not know counts as UTC, as it does for the workers.
CREATE OR REPLACE VIEW ${database}.own_settings ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    argMaxOrNullIf(JSONExtractUInt(details, 'monthly_limit'), (occurred_at, event_id), JSONHas(details, 'monthly_limit')) AS monthly_limit,
    argMaxIf(JSONExtractString(details, 'limit_scope'), (occurred_at, event_id), JSONHas(details, 'limit_scope')) AS limit_scope,
    argMaxIf(JSONExtractString(details, 'month_zone'), (occurred_at, event_id), JSONHas(details, 'month_zone')) AS told_zone,
    if(told_zone = '' OR told_zone IN (SELECT time_zone FROM system.time_zones), told_zone, 'UTC') AS month_zone,
    -- As JSON: a number of seconds, null (no window), or empty where never changed.
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'facebook'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'facebook')) AS facebook_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'instagram'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'instagram')) AS instagram_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'x'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'x')) AS x_window
FROM ${database}.events FINAL
WHERE conversation_id = '' AND kind = 'limit.changed'
GROUP BY profile_id;

-- Private: the defaults as one row, business hours among them.
CREATE OR REPLACE VIEW ${database}.default_settings ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toUInt64OrZero(anyIf(value, name = 'monthly_limit')) AS monthly_limit,
    anyIf(value, name = 'month_zone') AS told_zone,
    if(told_zone IN (SELECT time_zone FROM system.time_zones), told_zone, 'UTC') AS month_zone,
    anyIf(value, name = 'reply_window_seconds.facebook') AS facebook_window,
    anyIf(value, name = 'reply_window_seconds.instagram') AS instagram_window,
    anyIf(value, name = 'reply_window_seconds.x') AS x_window,
    toUInt8OrZero(anyIf(value, name = 'business_days')) AS business_days,
    toUInt32OrZero(anyIf(value, name = 'business_opens_seconds')) AS business_opens,
    toUInt32OrZero(anyIf(value, name = 'business_closes_seconds')) AS business_closes
FROM ${database}.defaults FINAL;

-- From Monday to the fifth day, 09:00 to 17:00 in the profile's zone. Dated 1970: later values win.
INSERT INTO ${database}.defaults (name, value, set_at) VALUES
    ('business_days', '5', 0),
    ('business_opens_seconds', '32400', 0),
    ('business_closes_seconds', '61200', 0);

-- Private: facts with what the settings make of them.
CREATE OR REPLACE VIEW ${database}.facts_and_settings ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    f.* EXCEPT (profile_id),
    f.profile_id AS profile_id,
    coalesce(nullIf(p.month_zone, ''), d.month_zone) AS zone,
    ifNull(p.monthly_limit, d.monthly_limit) AS monthly_limit,
    coalesce(nullIf(p.limit_scope, ''), 'conversations') AS limit_scope,
    toUInt32OrNull(multiIf(
        f.platform = 'facebook', coalesce(nullIf(p.facebook_window, ''), d.facebook_window),
        f.platform = 'instagram', coalesce(nullIf(p.instagram_window, ''), d.instagram_window),
        f.platform = 'x', coalesce(nullIf(p.x_window, ''), d.x_window),
        ''
    )) AS window_seconds,
    d.business_days AS business_days,
    d.business_opens AS business_opens,
    d.business_closes AS business_closes
FROM ${database}.facts AS f
LEFT JOIN ${database}.own_settings AS p ON f.profile_id = p.profile_id
CROSS JOIN ${database}.default_settings AS d;

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
    toDate(greatest(intDiv(quarter, 96), 0)) AS day,
    profile_id,
    platform,
    sum(received) AS received_count,
    sum(sent) AS sent_count,
    sum(auto) AS auto_sent_count,
    sum(backfilled) AS backfilled_count
FROM ${database}.facts
ARRAY JOIN
    quarter_at AS quarter, quarter_received AS received, quarter_sent AS sent,
    quarter_auto AS auto, quarter_backfilled AS backfilled
GROUP BY day, profile_id, platform;

CREATE OR REPLACE VIEW ${analytics}.messages_hourly ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    day Date COMMENT 'Day in the profile''s zone on which the messages were written',
    weekday UInt8 COMMENT 'Of that day: 1 is Monday, 7 is Sunday',
    hour UInt8 COMMENT 'Hour in the profile''s zone, 0 to 23; hours without messages are left out',
    received_count UInt64 COMMENT 'Messages of correspondents, deleted ones too',
    sent_count UInt64 COMMENT 'Messages of the profile''s side, auto-responses too',
    auto_sent_count UInt64 COMMENT 'Auto-responses among sent_count'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    platform,
    toDate(local) AS day,
    toDayOfWeek(day) AS weekday,
    toHour(local, 'UTC') AS hour,
    sum(received) AS received_count,
    sum(sent) AS sent_count,
    sum(auto) AS auto_sent_count
FROM
(
    SELECT
        c.* EXCEPT (profile_id),
        c.profile_id AS profile_id,
        coalesce(nullIf(p.month_zone, ''), d.month_zone) AS zone,
        fromUnixTimestamp64Milli(toInt64(c.quarter) * 900000, 'UTC') AS instant,
        -- The wall clock there, written as if it were UTC.
        if(zone = 'UTC', instant, toDateTime64(formatDateTime(instant, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC')) AS local
    FROM
    (
        SELECT profile_id, platform, quarter, sum(q_received) AS received, sum(q_sent) AS sent, sum(q_auto) AS auto
        FROM ${database}.facts
        ARRAY JOIN quarter_at AS quarter, quarter_received AS q_received, quarter_sent AS q_sent, quarter_auto AS q_auto
        GROUP BY profile_id, platform, quarter
    ) AS c
    LEFT JOIN ${database}.own_settings AS p ON c.profile_id = p.profile_id
    CROSS JOIN ${database}.default_settings AS d
)
GROUP BY profile_id, platform, day, weekday, hour;

CREATE OR REPLACE VIEW ${analytics}.conversations_started_daily ${on_cluster}
(
    day Date COMMENT 'UTC day of the correspondent''s first message',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    started_count UInt64 COMMENT 'Conversations whose first message of the correspondent was on that day; those with backfilled messages may have begun earlier and are left out'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT toDate(first_received_at, 'UTC') AS day, profile_id, platform, count() AS started_count
FROM ${database}.facts
WHERE received_count > 0 AND backfilled_count = 0
GROUP BY day, profile_id, platform;

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
        place.month AS month,
        toUInt64(max(place.rank)) AS active_count,
        uniqExactIf(conversation_id, platform = 'facebook') AS facebook_count,
        uniqExactIf(conversation_id, platform = 'instagram') AS instagram_count,
        uniqExactIf(conversation_id, platform = 'x') AS x_count
    FROM ${database}.facts
    ARRAY JOIN months AS place
    GROUP BY profile_id, month
) AS a
LEFT JOIN ${database}.own_settings AS p ON a.profile_id = p.profile_id
CROSS JOIN ${database}.default_settings AS d;

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
    span_started_at[-1] AS waiting_since,
    dateDiff('millisecond', waiting_since, now) / 1000 AS waiting_seconds,
    window_seconds IS NULL OR now < window_expires_at AS is_window_open,
    last_received_at + toIntervalSecond(window_seconds) AS window_expires_at,
    dateDiff('millisecond', now, window_expires_at) / 1000 AS window_remaining_seconds,
    arrayMax(arrayConcat([0], arrayMap(place -> if(place.1 = month, place.2, 0), months))) > monthly_limit AS is_over_limit,
    is_archived
FROM
(
    SELECT *, now64(3, 'UTC') AS now, formatDateTime(now, '%Y-%m', zone) AS month
    FROM ${database}.facts_and_settings
    WHERE notEmpty(span_started_at) AND span_ended_at[-1] = toDateTime64(0, 3, 'UTC')
);

CREATE OR REPLACE VIEW ${analytics}.closing_windows ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    waiting_since DateTime64(3, 'UTC') COMMENT 'The first message of the correspondent after the last reply by a person; UTC',
    window_expires_at DateTime64(3, 'UTC') COMMENT 'End of the reply window, within 24 hours of the query; UTC',
    window_remaining_seconds Float64 COMMENT 'Until then, seconds',
    is_over_limit Bool COMMENT 'Its place in the month is above the limit: no reply may be sent'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id, conversation_id, platform, w.waiting_since AS waiting_since,
    assumeNotNull(w.window_expires_at) AS window_expires_at,
    assumeNotNull(w.window_remaining_seconds) AS window_remaining_seconds,
    is_over_limit
FROM ${analytics}.waiting_conversations AS w
WHERE is_window_open AND NOT is_archived AND ifNull(w.window_remaining_seconds, 1e9) <= 86400;

CREATE OR REPLACE VIEW ${analytics}.reporting_spans ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    kind LowCardinality(String) COMMENT 'first_response: the conversation''s first wait for a reply; next_response: each later one',
    started_at DateTime64(3, 'UTC') COMMENT 'The first message of the correspondent that was not answered; UTC',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first message of a person of the profile''s side from then on; UTC; null: none yet',
    is_answered Bool COMMENT 'There is such a message',
    response_seconds Nullable(Float64) COMMENT 'Between the two, seconds; null: not answered yet',
    business_response_seconds Nullable(Float64) COMMENT 'Of these, within business hours in the profile''s zone, seconds; null: not answered yet',
    has_auto_response Bool COMMENT 'An auto-response came in between, or at an end',
    auto_response_seconds Nullable(Float64) COMMENT 'From the start to the first auto-response, seconds; null: none',
    has_backfill Bool COMMENT 'The conversation has messages from the provider''s history: it may have begun earlier'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    -- Seconds of business from a Monday in 1970 to a second of the wall clock since then.
    (at) -> (
        intDiv(at, 604800) * business_days * (business_closes - business_opens)
        + least(intDiv(at % 604800, 86400), business_days) * (business_closes - business_opens)
        + if(
            intDiv(at % 604800, 86400) < business_days,
            least(greatest(at % 86400, business_opens), business_closes) - business_opens,
            0
        )
    ) AS business_until,
    (at) -> toUnixTimestamp64Milli(
        if(zone = 'UTC', at, toDateTime64(formatDateTime(at, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC'))
    ) / 1000 - 345600 AS wall_clock
SELECT
    profile_id,
    conversation_id,
    platform,
    if(number = 1, 'first_response', 'next_response') AS kind,
    started AS started_at,
    if(is_answered, ended, NULL) AS ended_at,
    ended != toDateTime64(0, 3, 'UTC') AS is_answered,
    if(is_answered, dateDiff('millisecond', started, ended) / 1000, NULL) AS response_seconds,
    if(is_answered, toFloat64(business_until(floor(wall_clock(ended))) - business_until(floor(wall_clock(started)))), NULL) AS business_response_seconds,
    auto != toDateTime64(0, 3, 'UTC') AS has_auto_response,
    if(has_auto_response, dateDiff('millisecond', started, auto) / 1000, NULL) AS auto_response_seconds,
    backfilled_count > 0 AS has_backfill
FROM ${database}.facts_and_settings
ARRAY JOIN
    span_started_at AS started, span_ended_at AS ended, span_auto_at AS auto, arrayEnumerate(span_started_at) AS number;

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
    f.first_received_at AS first_received_at,
    if(is_answered, span_ended_at[1], NULL) AS first_responded_at,
    span_ended_at[1] != toDateTime64(0, 3, 'UTC') AS is_answered,
    dateDiff('millisecond', f.first_received_at, first_responded_at) / 1000 AS response_seconds,
    backfilled_count > 0 AS has_backfill
FROM ${database}.facts AS f
WHERE received_count > 0;

CREATE OR REPLACE VIEW ${analytics}.response_times_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the wait began',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    kind LowCardinality(String) COMMENT 'first_response or next_response',
    span_count UInt64 COMMENT 'Waits for a reply that began on that day; first responses of conversations with backfilled messages are left out',
    answered_count UInt64 COMMENT 'Of these, answered by a person by now',
    answered_share Float64 COMMENT 'answered_count / span_count, 0 to 1',
    median_seconds Nullable(Float64) COMMENT 'Half of the answered waits were at most this long, seconds; null: none answered',
    p90_seconds Nullable(Float64) COMMENT 'Nine of ten answered waits were at most this long, seconds; null: none answered',
    median_business_seconds Nullable(Float64) COMMENT 'The same within business hours, seconds; null: none answered',
    p90_business_seconds Nullable(Float64) COMMENT 'The same within business hours, seconds; null: none answered'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(started_at, 'UTC') AS day,
    profile_id,
    platform,
    kind,
    count() AS span_count,
    countIf(is_answered) AS answered_count,
    answered_count / span_count AS answered_share,
    quantileExactInclusiveOrNull(0.5)(response_seconds) AS median_seconds,
    quantileExactInclusiveOrNull(0.9)(response_seconds) AS p90_seconds,
    quantileExactInclusiveOrNull(0.5)(business_response_seconds) AS median_business_seconds,
    quantileExactInclusiveOrNull(0.9)(business_response_seconds) AS p90_business_seconds
FROM ${analytics}.reporting_spans
WHERE kind = 'next_response' OR NOT has_backfill
GROUP BY day, profile_id, platform, kind;

CREATE OR REPLACE VIEW ${analytics}.auto_response_effect ${on_cluster}
(
    day Date COMMENT 'UTC day on which the wait began',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    has_auto_response Bool COMMENT 'Waits during which an auto-response came, or the others',
    span_count UInt64 COMMENT 'Waits for a reply that began on that day',
    answered_count UInt64 COMMENT 'Of these, answered by a person by now',
    answered_share Float64 COMMENT 'answered_count / span_count, 0 to 1',
    median_seconds Nullable(Float64) COMMENT 'Half of the answered waits for a person were at most this long, seconds; null: none answered',
    median_auto_seconds Nullable(Float64) COMMENT 'Half of the auto-responses came within this time, seconds; null: none came'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(started_at, 'UTC') AS day,
    profile_id,
    platform,
    has_auto_response,
    count() AS span_count,
    countIf(is_answered) AS answered_count,
    answered_count / span_count AS answered_share,
    quantileExactInclusiveOrNull(0.5)(response_seconds) AS median_seconds,
    quantileExactInclusiveOrNull(0.5)(auto_response_seconds) AS median_auto_seconds
FROM ${analytics}.reporting_spans
GROUP BY day, profile_id, platform, has_auto_response;

CREATE OR REPLACE VIEW ${analytics}.reply_windows ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    opened_at DateTime64(3, 'UTC') COMMENT 'The message of the correspondent that the window is counted from: the last one before its end or before the reply; UTC',
    expires_at DateTime64(3, 'UTC') COMMENT 'End of the window as the settings stand now; UTC',
    replied_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first message of a person of the profile''s side before its end; UTC; null: none',
    outcome LowCardinality(String) COMMENT 'replied, closed (nobody replied before its end) or open',
    used_share Nullable(Float64) COMMENT 'How much of the window had passed at the reply, 0 to 1; null: no reply'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    platform,
    opened AS opened_at,
    opened + toIntervalSecond(assumeNotNull(window_seconds)) AS expires_at,
    if(is_replied, next, NULL) AS replied_at,
    multiIf(is_replied, 'replied', now64(3, 'UTC') >= expires_at, 'closed', 'open') AS outcome,
    if(is_replied, dateDiff('millisecond', opened, next) / 1000 / window_seconds, NULL) AS used_share
FROM
(
    SELECT
        profile_id, conversation_id, platform, window_seconds, opened, next,
        next != toDateTime64(0, 3, 'UTC') AND next < opened + toIntervalSecond(assumeNotNull(window_seconds)) AS is_followed,
        is_followed AND next_is_reply AS is_replied
    FROM ${database}.facts_and_settings
    ARRAY JOIN
        turn_at AS opened, turn_is_reply AS is_reply,
        arrayShiftLeft(turn_at, 1, toDateTime64(0, 3, 'UTC')) AS next, arrayShiftLeft(turn_is_reply, 1, false) AS next_is_reply
    WHERE window_seconds IS NOT NULL AND NOT is_reply
)
-- A further message of the correspondent within the window moves it: that one has the row.
WHERE NOT is_followed OR is_replied;

CREATE OR REPLACE VIEW ${analytics}.reply_windows_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the windows opened',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    window_count UInt64 COMMENT 'Reply windows that opened and were not moved by a further message',
    replied_count UInt64 COMMENT 'Of these, replied to by a person before the end',
    late_half_count UInt64 COMMENT 'Of the replied ones, after half of the window',
    late_nine_tenths_count UInt64 COMMENT 'Of the replied ones, after nine tenths of the window',
    closed_count UInt64 COMMENT 'Closed without a reply by a person',
    open_count UInt64 COMMENT 'Still open at the time of the query'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(opened_at, 'UTC') AS day,
    profile_id,
    platform,
    count() AS window_count,
    countIf(outcome = 'replied') AS replied_count,
    countIf(used_share > 0.5) AS late_half_count,
    countIf(used_share > 0.9) AS late_nine_tenths_count,
    countIf(outcome = 'closed') AS closed_count,
    countIf(outcome = 'open') AS open_count
FROM ${analytics}.reply_windows
GROUP BY day, profile_id, platform;

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
    decided_at DateTime64(3, 'UTC') COMMENT 'When it was accepted or rejected; UTC',
    accepted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When all rules were passed; UTC; null: not accepted',
    first_attempted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the first request was begun; UTC; null: none',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the message was written, by the platform; UTC; null: it was not, as far as is known',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome was known: received, UTC; null: pending',
    accepted_to_sent_seconds Nullable(Float64) COMMENT 'From acceptance to the platform''s time of the message, seconds; null: not both are known'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH toDateTime64(0, 3, 'UTC') AS unset
SELECT
    profile_id,
    send_command_id AS command_id,
    conversation_id,
    platform,
    if(send_is_auto, 'auto', 'api') AS origin,
    send_outcome AS outcome,
    send_reason AS reason,
    send_message_id AS message_id,
    toUInt64(send_attempt_count) AS attempt_count,
    send_decided_at AS decided_at,
    nullIf(send_accepted_at, unset) AS accepted_at,
    nullIf(send_attempted_at, unset) AS first_attempted_at,
    nullIf(send_sent_at, unset) AS sent_at,
    nullIf(send_finished_at, unset) AS finished_at,
    dateDiff('millisecond', accepted_at, sent_at) / 1000 AS accepted_to_sent_seconds
FROM ${database}.facts
ARRAY JOIN
    send_command_id, send_is_auto, send_outcome, send_reason, send_message_id, send_attempt_count,
    send_decided_at, send_accepted_at, send_attempted_at, send_sent_at, send_finished_at;

CREATE OR REPLACE VIEW ${analytics}.send_outcomes_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the commands were accepted or rejected',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x; empty where unknown',
    origin LowCardinality(String) COMMENT 'api or auto',
    outcome LowCardinality(String) COMMENT 'sent, rejected, failed, unknown or pending',
    reason LowCardinality(String) COMMENT 'Why it was rejected, failed or is unknown; empty otherwise',
    command_count UInt64 COMMENT 'Commands to send'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT toDate(decided_at, 'UTC') AS day, profile_id, platform, origin, outcome, reason, count() AS command_count
FROM ${analytics}.sends
GROUP BY day, profile_id, platform, origin, outcome, reason;

CREATE OR REPLACE VIEW ${analytics}.delivery_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the commands were accepted',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    accepted_count UInt64 COMMENT 'Commands to send that passed all rules',
    sent_count UInt64 COMMENT 'Of these, known to have become a message',
    failed_count UInt64 COMMENT 'Of these, refused by the platform or expired',
    unknown_count UInt64 COMMENT 'Of these, perhaps delivered: nobody knows',
    pending_count UInt64 COMMENT 'Of these, still on their way',
    success_share Nullable(Float64) COMMENT 'sent_count of those that are not pending, 0 to 1; null: all are pending',
    unknown_share Nullable(Float64) COMMENT 'unknown_count of those that are not pending, 0 to 1; null: all are pending',
    median_seconds Nullable(Float64) COMMENT 'Half of the sent ones took at most this long from acceptance to the platform''s time, seconds; null: none',
    p90_seconds Nullable(Float64) COMMENT 'Nine of ten took at most this long, seconds; null: none'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(assumeNotNull(accepted_at), 'UTC') AS day,
    profile_id,
    platform,
    count() AS accepted_count,
    countIf(outcome = 'sent') AS sent_count,
    countIf(outcome = 'failed') AS failed_count,
    countIf(outcome = 'unknown') AS unknown_count,
    countIf(outcome = 'pending') AS pending_count,
    if(accepted_count > pending_count, sent_count / (accepted_count - pending_count), NULL) AS success_share,
    if(accepted_count > pending_count, unknown_count / (accepted_count - pending_count), NULL) AS unknown_share,
    quantileExactInclusiveOrNull(0.5)(accepted_to_sent_seconds) AS median_seconds,
    quantileExactInclusiveOrNull(0.9)(accepted_to_sent_seconds) AS p90_seconds
FROM ${analytics}.sends
WHERE accepted_at IS NOT NULL
GROUP BY day, profile_id, platform;

CREATE OR REPLACE VIEW ${analytics}.reactions_daily ${on_cluster}
(
    day Date COMMENT 'UTC day of the reactions',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    reacted_by LowCardinality(String) COMMENT 'correspondent or account',
    emoji LowCardinality(String) COMMENT 'The reaction, or the platform''s word for it',
    reaction_count UInt64 COMMENT 'Reactions that stand: removed and replaced ones are left out'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(reaction_at, 'UTC') AS day, profile_id, platform,
    reaction_party AS reacted_by, reaction_emoji AS emoji, count() AS reaction_count
FROM ${database}.facts
ARRAY JOIN reaction_at, reaction_party, reaction_emoji
GROUP BY day, profile_id, platform, reacted_by, emoji;

CREATE OR REPLACE VIEW ${analytics}.read_rates_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the messages were sent',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    sent_count UInt64 COMMENT 'Messages of the profile''s side',
    delivered_count UInt64 COMMENT 'Of these, known to have reached the other side',
    read_count UInt64 COMMENT 'Of these, known to have been read by the other side',
    read_share Float64 COMMENT 'read_count / sent_count, 0 to 1: a lower bound, as not all reads are told',
    median_read_seconds Nullable(Float64) COMMENT 'Half of the read ones were read within this time, seconds; null: none read',
    p90_read_seconds Nullable(Float64) COMMENT 'Nine of ten were read within this time, seconds; null: none read'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH toDateTime64(0, 3, 'UTC') AS unset
SELECT
    toDate(out_at, 'UTC') AS day,
    profile_id,
    platform,
    count() AS sent_count,
    countIf(out_delivered_at != unset) AS delivered_count,
    countIf(out_read_at != unset) AS read_count,
    read_count / sent_count AS read_share,
    quantileExactInclusiveOrNull(0.5)(if(out_read_at != unset, dateDiff('millisecond', out_at, out_read_at) / 1000, NULL)) AS median_read_seconds,
    quantileExactInclusiveOrNull(0.9)(if(out_read_at != unset, dateDiff('millisecond', out_at, out_read_at) / 1000, NULL)) AS p90_read_seconds
FROM ${database}.facts
ARRAY JOIN out_at, out_delivered_at, out_read_at
GROUP BY day, profile_id, platform;

CREATE OR REPLACE VIEW ${analytics}.correspondent_retention ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    cohort_month Date COMMENT 'First day of the UTC month in which the correspondents first wrote',
    month Date COMMENT 'First day of the UTC month that is looked at; every month up to the present is there',
    months_later UInt16 COMMENT 'Months from the one to the other',
    cohort_count UInt64 COMMENT 'Correspondents who first wrote in cohort_month',
    returned_count UInt64 COMMENT 'Of these, who wrote in month',
    retention_share Float64 COMMENT 'returned_count / cohort_count, 0 to 1'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    toDate(makeDate(intDiv(cohort, 12), cohort % 12 + 1, 1)) AS cohort_month,
    toDate(makeDate(intDiv(looked_at, 12), looked_at % 12 + 1, 1)) AS month,
    toUInt16(looked_at - cohort) AS months_later,
    counts[indexOf(seen, cohort)] AS cohort_count,
    counts[indexOf(seen, looked_at)] AS returned_count,
    returned_count / cohort_count AS retention_share
FROM
(
    SELECT profile_id, cohort, groupArray(wrote_in) AS seen, groupArray(correspondents) AS counts
    FROM
    (
        SELECT profile_id, cohort, wrote_in, count() AS correspondents
        FROM
        (
            SELECT
                profile_id,
                arrayDistinct(arrayMap(
                    q -> toYear(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) * 12 + toMonth(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) - 1,
                    arrayFilter((q, received) -> received > 0, quarter_at, quarter_received)
                )) AS wrote,
                arrayMin(wrote) AS cohort
            FROM ${database}.facts
            WHERE received_count > 0
        )
        ARRAY JOIN wrote AS wrote_in
        GROUP BY profile_id, cohort, wrote_in
    )
    GROUP BY profile_id, cohort
)
ARRAY JOIN range(
    toUInt32(cohort), greatest(arrayMax(seen), toYear(now64(3, 'UTC')) * 12 + toMonth(now64(3, 'UTC')) - 1) + 1
) AS looked_at;

CREATE OR REPLACE VIEW ${analytics}.attachments_daily ${on_cluster}
(
    day Date COMMENT 'UTC day of the messages',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    direction LowCardinality(String) COMMENT 'in: the correspondent sent it; out: the profile''s side did',
    attachment_type LowCardinality(String) COMMENT 'image, video, audio, file, sticker, share and so on',
    attachment_count UInt64 COMMENT 'Attachments; those of deleted messages are left out'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(attachment_at, 'UTC') AS day, profile_id, platform,
    attachment_direction AS direction, attachment_type, count() AS attachment_count
FROM ${database}.facts
ARRAY JOIN attachment_at, attachment_direction, attachment_type
GROUP BY day, profile_id, platform, direction, attachment_type;

CREATE OR REPLACE VIEW ${analytics}.ingestion_delays_daily ${on_cluster}
(
    day Date COMMENT 'UTC day on which the messages were written',
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    message_count UInt64 COMMENT 'Messages that came as they happened: backfilled ones are left out',
    median_seconds Float64 COMMENT 'Half came within this time of being written, seconds',
    p90_seconds Float64 COMMENT 'Nine of ten came within this time, seconds',
    longest_seconds Float64 COMMENT 'The longest delay, seconds'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    toDate(live_at, 'UTC') AS day,
    profile_id,
    platform,
    count() AS message_count,
    quantileExactInclusive(0.5)(live_delay_ms) / 1000 AS median_seconds,
    quantileExactInclusive(0.9)(live_delay_ms) / 1000 AS p90_seconds,
    max(live_delay_ms) / 1000 AS longest_seconds
FROM ${database}.facts
ARRAY JOIN live_at, live_delay_ms
GROUP BY day, profile_id, platform;

CREATE OR REPLACE VIEW ${analytics}.failed_events_daily ${on_cluster}
(
    day Date COMMENT 'UTC day of the failures',
    stage LowCardinality(String) COMMENT 'Where: read, normalise, register, state, command, deliver or sink',
    reason LowCardinality(String) COMMENT 'Why, as a code: unreadable, unknown_account and so on',
    failure_count UInt64 COMMENT 'Failures, each once however often it was told'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT toDate(failed_at, 'UTC') AS day, stage, reason, count() AS failure_count
FROM ${analytics}.failed_events
GROUP BY day, stage, reason;

CREATE OR REPLACE VIEW ${analytics}.completeness ${on_cluster}
(
    log String COMMENT 'Incarnation of the log: Kafka''s cluster id',
    topic LowCardinality(String) COMMENT 'Kafka topic',
    partition UInt32 COMMENT 'Kafka partition',
    first_offset UInt64 COMMENT 'Lowest offset in the archive',
    last_offset UInt64 COMMENT 'Highest offset in the archive',
    record_count UInt64 COMMENT 'Different offsets in the archive',
    missing_count UInt64 COMMENT 'Offsets between the two that are not there: 0 is the proof of completeness, except where Kafka itself leaves gaps (compaction, aborted transactions)',
    duplicate_count UInt64 COMMENT 'Stored rows beyond one an offset: what a repeated or re-cut insert left, before merges remove it; readers never see them',
    unreadable_count UInt64 COMMENT 'Records that could not be understood; they are in failed_events',
    last_logged_at DateTime64(3, 'UTC') COMMENT 'Latest timestamp of a record; UTC',
    last_inserted_at DateTime64(3, 'UTC') COMMENT 'When the latest row came here; UTC'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    _log AS log,
    _topic AS topic,
    _partition AS partition,
    min(_offset) AS first_offset,
    max(_offset) AS last_offset,
    groupBitmap(_offset) AS record_count,
    last_offset - first_offset + 1 - record_count AS missing_count,
    count() - record_count AS duplicate_count,
    groupBitmapIf(_offset, type = 'unreadable') AS unreadable_count,
    max(logged_at) AS last_logged_at,
    max(inserted_at) AS last_inserted_at
FROM ${database}.event_log
GROUP BY _log, _topic, _partition
UNION ALL
SELECT
    _log AS log,
    _topic AS topic,
    _partition AS partition,
    min(_offset) AS first_offset,
    max(_offset) AS last_offset,
    groupBitmap(_offset) AS record_count,
    last_offset - first_offset + 1 - record_count AS missing_count,
    count() - record_count AS duplicate_count,
    0 AS unreadable_count,
    max(logged_at) AS last_logged_at,
    max(inserted_at) AS last_inserted_at
FROM ${database}.failure_log
GROUP BY _log, _topic, _partition;

CREATE OR REPLACE VIEW ${analytics}.completeness_daily ${on_cluster}
(
    day Date COMMENT 'UTC day of the records, by Kafka''s timestamp',
    log String COMMENT 'Incarnation of the log: Kafka''s cluster id',
    topic LowCardinality(String) COMMENT 'Kafka topic',
    partition UInt32 COMMENT 'Kafka partition',
    first_offset UInt64 COMMENT 'Lowest offset of the day in the archive',
    last_offset UInt64 COMMENT 'Highest offset of the day in the archive',
    record_count UInt64 COMMENT 'Different offsets of the day in the archive',
    missing_count UInt64 COMMENT 'Offsets that the archive lacks, from the end of all earlier days to the last of this one',
    last_inserted_at DateTime64(3, 'UTC') COMMENT 'When the latest row of the day came here; UTC'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    day, log, topic, partition, first_offset, last_offset,
    bitmapCardinality(offsets) AS record_count,
    if(from_offset > last_offset, 0, last_offset + 1 - from_offset - bitmapCardinality(bitmapSubsetInRange(all_offsets, from_offset, last_offset + 1))) AS missing_count,
    last_inserted_at
FROM
(
    SELECT
        *,
        groupBitmapMergeState(offsets) OVER (PARTITION BY log, topic, partition) AS all_offsets,
        max(last_offset) OVER (
            PARTITION BY log, topic, partition ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier,
        row_number() OVER (PARTITION BY log, topic, partition ORDER BY day) AS place,
        if(place = 1, first_offset, earlier + 1) AS from_offset
    FROM
    (
        SELECT
            toDate(logged_at, 'UTC') AS day, _log AS log, _topic AS topic, _partition AS partition,
            min(_offset) AS first_offset, max(_offset) AS last_offset,
            groupBitmapState(_offset) AS offsets, max(inserted_at) AS last_inserted_at
        FROM ${database}.event_log
        GROUP BY _log, _topic, _partition, toDate(logged_at, 'UTC')
    )
);

CREATE OR REPLACE VIEW ${analytics}.conversation_activity ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    began_at DateTime64(3, 'UTC') COMMENT 'Beginning of the quarter of an hour in which the messages were written; UTC',
    day Date COMMENT 'UTC day of it',
    weekday UInt8 COMMENT 'In the profile''s zone: 1 is Monday, 7 is Sunday',
    hour UInt8 COMMENT 'In the profile''s zone, 0 to 23',
    received_count UInt64 COMMENT 'Messages of the correspondent in it',
    sent_count UInt64 COMMENT 'Messages of the profile''s side in it',
    auto_sent_count UInt64 COMMENT 'Auto-responses among sent_count'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH if(zone = 'UTC', began_at, toDateTime64(formatDateTime(began_at, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC')) AS local
SELECT
    profile_id,
    conversation_id,
    platform,
    fromUnixTimestamp64Milli(toInt64(quarter) * 900000, 'UTC') AS began_at,
    toDate(greatest(intDiv(quarter, 96), 0)) AS day,
    toDayOfWeek(local) AS weekday,
    toHour(local) AS hour,
    toUInt64(received) AS received_count,
    toUInt64(sent) AS sent_count,
    toUInt64(auto) AS auto_sent_count
FROM ${database}.facts_and_settings
ARRAY JOIN quarter_at AS quarter, quarter_received AS received, quarter_sent AS sent, quarter_auto AS auto;
