-- The metrics on flat facts (0017). Each view says the same as before, and reads only the days that a
-- question is about.

-- Private: as in 0012, with business hours as schemas/data.py has them; the mask's lowest bit is Monday.
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
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'x'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'x')) AS x_window,
    argMaxIf(JSONExtractRaw(details, 'business_hours'), (occurred_at, event_id), JSONHas(details, 'business_hours')) AS business_hours,
    -- 0: never set.
    toUInt8(arraySum(arrayMap(
        weekday -> bitShiftLeft(1, toUInt8(weekday) - 1),
        arrayDistinct(splitByString('', JSONExtractString(business_hours, 'weekdays')))
    ))) AS business_mask,
    toInt32(JSONExtractInt(business_hours, 'opens_seconds')) AS business_opens,
    toInt32(JSONExtractInt(business_hours, 'closes_seconds')) AS business_closes
FROM ${database}.events FINAL
WHERE conversation_id = '' AND kind = 'limit.changed'
GROUP BY profile_id;

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
    anyIf(value, name = 'business_hours') AS business_hours,
    toUInt8(arraySum(arrayMap(
        weekday -> bitShiftLeft(1, toUInt8(weekday) - 1),
        arrayDistinct(splitByString('', JSONExtractString(business_hours, 'weekdays')))
    ))) AS business_mask,
    toInt32(JSONExtractInt(business_hours, 'opens_seconds')) AS business_opens,
    toInt32(JSONExtractInt(business_hours, 'closes_seconds')) AS business_closes
FROM ${database}.defaults FINAL;

-- Dated 1970: later values win.
INSERT INTO ${database}.defaults (name, value, set_at) VALUES
    ('business_hours', '{"weekdays":"12345","opens_seconds":32400,"closes_seconds":61200}', 0);

-- Private: facts of conversations with what the settings make of them.
CREATE OR REPLACE VIEW ${database}.heads_and_settings ${on_cluster}
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
    )) AS window_seconds
FROM ${database}.live_heads AS f
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
    day,
    profile_id,
    platform,
    sum(received) AS received_count,
    sum(sent) AS sent_count,
    sum(auto) AS auto_sent_count,
    sum(backfilled) AS backfilled_count
FROM ${database}.live_quarters
GROUP BY day, profile_id, platform;

CREATE OR REPLACE VIEW ${analytics}.messages_hourly ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    day Date COMMENT 'Day in the profile''s zone on which the messages were written',
    weekday UInt8 COMMENT 'Of that day: 1 is Monday, 7 is Sunday',
    hour UInt8 COMMENT 'Hour in the profile''s zone, 0 to 23; hours without messages are left out',
    utc_day Date COMMENT 'UTC day of the same messages: a filter by it reads those days alone. An hour around UTC midnight may have a row of each',
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
    utc_day,
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
        SELECT q.day AS utc_day, profile_id, platform, quarter, sum(q.received) AS received, sum(q.sent) AS sent, sum(q.auto) AS auto
        FROM ${database}.live_quarters AS q
        GROUP BY utc_day, profile_id, platform, quarter
    ) AS c
    LEFT JOIN ${database}.own_settings AS p ON c.profile_id = p.profile_id
    CROSS JOIN ${database}.default_settings AS d
)
GROUP BY profile_id, platform, day, weekday, hour, utc_day;

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
FROM ${database}.live_heads
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
        month,
        toUInt64(max(rank)) AS active_count,
        -- A conversation may claim several places of a month; it counts once.
        countIf(platform = 'facebook') AS facebook_count,
        countIf(platform = 'instagram') AS instagram_count,
        countIf(platform = 'x') AS x_count
    FROM
    (
        SELECT profile_id, month, platform, conversation_id, max(rank) AS rank
        FROM ${database}.live_places
        GROUP BY profile_id, month, platform, conversation_id
    )
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
) AS f;

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
        intDiv(at, 604800) * bitCount(business_mask) * (business_closes - business_opens)
        + bitCount(bitAnd(business_mask, bitShiftLeft(1, intDiv(at % 604800, 86400)) - 1)) * (business_closes - business_opens)
        + if(
            bitTest(business_mask, intDiv(at % 604800, 86400)),
            least(greatest(at % 86400, business_opens), business_closes) - business_opens,
            0
        )
    ) AS business_until,
    (at) -> intDiv(toUnixTimestamp64Milli(
        if(zone = 'UTC', at, toDateTime64(formatDateTime(at, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC'))
    ), 1000) - 345600 AS wall_clock
SELECT
    f.profile_id AS profile_id,
    f.conversation_id AS conversation_id,
    f.platform AS platform,
    if(is_first, 'first_response', 'next_response') AS kind,
    f.started_at AS started_at,
    if(is_answered, f.ended_at, NULL) AS ended_at,
    f.ended_at != toDateTime64(0, 3, 'UTC') AS is_answered,
    if(is_answered, dateDiff('millisecond', f.started_at, f.ended_at) / 1000, NULL) AS response_seconds,
    if(is_answered, toFloat64(business_until(wall_clock(f.ended_at)) - business_until(wall_clock(f.started_at))), NULL) AS business_response_seconds,
    auto_at != toDateTime64(0, 3, 'UTC') AS has_auto_response,
    if(has_auto_response, dateDiff('millisecond', f.started_at, auto_at) / 1000, NULL) AS auto_response_seconds,
    f.has_backfill AS has_backfill
FROM
(
    SELECT
        s.* EXCEPT (profile_id),
        s.profile_id AS profile_id,
        coalesce(nullIf(p.month_zone, ''), d.month_zone) AS zone,
        ifNull(p.business_mask, 0) > 0 AS has_own_hours,
        if(has_own_hours, ifNull(p.business_mask, 0), d.business_mask) AS business_mask,
        if(has_own_hours, ifNull(p.business_opens, 0), d.business_opens) AS business_opens,
        if(has_own_hours, ifNull(p.business_closes, 0), d.business_closes) AS business_closes
    FROM ${database}.live_spans AS s
    LEFT JOIN ${database}.own_settings AS p ON s.profile_id = p.profile_id
    CROSS JOIN ${database}.default_settings AS d
) AS f;

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
    if(is_answered, first_replied_at, NULL) AS first_responded_at,
    first_replied_at != toDateTime64(0, 3, 'UTC') AS is_answered,
    dateDiff('millisecond', f.first_received_at, first_responded_at) / 1000 AS response_seconds,
    backfilled_count > 0 AS has_backfill
FROM ${database}.live_heads AS f
WHERE received_count > 0;

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
    w.opened_at AS opened_at,
    w.opened_at + toIntervalSecond(assumeNotNull(window_seconds)) AS expires_at,
    if(is_replied, next_at, NULL) AS replied_at,
    multiIf(is_replied, 'replied', now64(3, 'UTC') >= expires_at, 'closed', 'open') AS outcome,
    if(is_replied, dateDiff('millisecond', w.opened_at, next_at) / 1000 / window_seconds, NULL) AS used_share
FROM
(
    SELECT
        t.profile_id AS profile_id, t.conversation_id AS conversation_id, t.platform AS platform,
        t.opened_at AS opened_at, t.next_at AS next_at,
        toUInt32OrNull(multiIf(
            t.platform = 'facebook', coalesce(nullIf(p.facebook_window, ''), d.facebook_window),
            t.platform = 'instagram', coalesce(nullIf(p.instagram_window, ''), d.instagram_window),
            t.platform = 'x', coalesce(nullIf(p.x_window, ''), d.x_window),
            ''
        )) AS window_seconds,
        t.next_at != toDateTime64(0, 3, 'UTC') AND t.next_at < t.opened_at + toIntervalSecond(assumeNotNull(window_seconds)) AS is_followed,
        is_followed AND t.next_is_reply AS is_replied
    FROM ${database}.live_turns AS t
    LEFT JOIN ${database}.own_settings AS p ON t.profile_id = p.profile_id
    CROSS JOIN ${database}.default_settings AS d
    WHERE window_seconds IS NOT NULL
) AS w
-- A further message of the correspondent within the window moves it: that one has the row.
WHERE NOT is_followed OR is_replied;

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
    command_id,
    conversation_id,
    platform,
    if(is_auto, 'auto', 'api') AS origin,
    outcome,
    reason,
    message_id,
    toUInt64(s.attempt_count) AS attempt_count,
    decided_at,
    nullIf(s.accepted_at, unset) AS accepted_at,
    nullIf(s.attempted_at, unset) AS first_attempted_at,
    nullIf(s.sent_at, unset) AS sent_at,
    nullIf(s.finished_at, unset) AS finished_at,
    if(s.accepted_at != unset AND s.sent_at != unset, dateDiff('millisecond', s.accepted_at, s.sent_at) / 1000, NULL) AS accepted_to_sent_seconds
FROM ${database}.live_sends AS s;

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
SELECT day, profile_id, platform, reacted_by, emoji, count() AS reaction_count
FROM ${database}.live_reactions
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
SELECT
    day,
    profile_id,
    platform,
    count() AS sent_count,
    countIf(is_delivered) AS delivered_count,
    countIf(is_read) AS read_count,
    read_count / sent_count AS read_share,
    quantileExactInclusiveOrNullIf(0.5)(read_ms / 1000, is_read) AS median_read_seconds,
    quantileExactInclusiveOrNullIf(0.9)(read_ms / 1000, is_read) AS p90_read_seconds
FROM ${database}.live_outs
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
    SELECT profile_id, cohort, groupArray(seen_in) AS seen, groupArray(correspondents) AS counts
    FROM
    (
        SELECT profile_id, cohort, toUInt32(month_of_writing) AS seen_in, count() AS correspondents
        FROM
        (
            SELECT profile_id, wrote_in AS wrote, arrayMin(wrote_in) AS cohort
            FROM ${database}.live_heads
            WHERE received_count > 0
        )
        ARRAY JOIN wrote AS month_of_writing
        GROUP BY profile_id, cohort, seen_in
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
SELECT day, profile_id, platform, direction, attachment_type, count() AS attachment_count
FROM ${database}.live_attachments
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
    day,
    profile_id,
    platform,
    count() AS message_count,
    quantileExactInclusive(0.5)(delay_ms) / 1000 AS median_seconds,
    quantileExactInclusive(0.9)(delay_ms) / 1000 AS p90_seconds,
    max(delay_ms) / 1000 AS longest_seconds
FROM ${database}.live_delays
GROUP BY day, profile_id, platform;

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
    q.profile_id AS profile_id,
    q.conversation_id AS conversation_id,
    q.platform AS platform,
    fromUnixTimestamp64Milli(toInt64(q.quarter) * 900000, 'UTC') AS began_at,
    q.day AS day,
    toDayOfWeek(local) AS weekday,
    toHour(local) AS hour,
    toUInt64(q.received) AS received_count,
    toUInt64(q.sent) AS sent_count,
    toUInt64(q.auto) AS auto_sent_count
FROM
(
    SELECT
        c.* EXCEPT (profile_id),
        c.profile_id AS profile_id,
        coalesce(nullIf(p.month_zone, ''), d.month_zone) AS zone
    FROM ${database}.live_quarters AS c
    LEFT JOIN ${database}.own_settings AS p ON c.profile_id = p.profile_id
    CROSS JOIN ${database}.default_settings AS d
) AS q;

-- One row a profile: what lists of profiles are made of.
CREATE OR REPLACE VIEW ${analytics}.profiles ${on_cluster}
(
    profile_id String COMMENT 'The profile; those without any message are left out',
    conversation_count UInt64 COMMENT 'Conversations with a message of either side, ever',
    received_count UInt64 COMMENT 'Messages of correspondents, deleted and backfilled ones too, ever',
    sent_count UInt64 COMMENT 'Messages of the profile''s side, auto-responses too, ever',
    last_message_at DateTime64(3, 'UTC') COMMENT 'Latest message of either side; UTC'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    count() AS conversation_count,
    sum(f.received_count) AS received_count,
    sum(f.sent_count) AS sent_count,
    max(greatest(last_received_at, last_sent_at)) AS last_message_at
FROM ${database}.live_heads AS f
WHERE f.received_count + f.sent_count > 0
GROUP BY profile_id;

-- Private: as in 0013.
CREATE OR REPLACE VIEW ${database}.places ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    p.profile_id AS profile_id,
    p.conversation_id AS conversation_id,
    p.month AS month,
    minOrNullIf(p.rank, p.rank > 1000 OR p.claimant = h.holder OR NOT has(n.newest, p.month)) AS rank
FROM ${database}.live_places AS p
INNER JOIN
(
    SELECT profile_id, month, rank, min(claimant) AS holder
    FROM ${database}.live_places
    GROUP BY profile_id, month, rank
) AS h ON p.profile_id = h.profile_id AND p.month = h.month AND p.rank = h.rank
INNER JOIN
(
    SELECT profile_id, arraySlice(arrayReverseSort(groupUniqArray(month)), 1, 2) AS newest
    FROM ${database}.live_places
    GROUP BY profile_id
) AS n ON p.profile_id = n.profile_id
GROUP BY profile_id, conversation_id, month;

CREATE OR REPLACE VIEW ${database}.can_reply_at ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    toDateTime64(0, 3, 'UTC') AS unset,
    -- How far the zone's clock is ahead of UTC then, in seconds.
    (at) -> toUnixTimestamp(toDateTime(formatDateTime(at, '%Y-%m-%d %H:%i:%S', zone), 'UTC')) - toUnixTimestamp(toDateTime(at, 'UTC')) AS ahead
SELECT
    profile_id,
    conversation_id,
    platform,
    asked_at,
    reason = '' AS is_allowed,
    multiIf(
        NOT is_on, 'messaging_inactive',
        link_refused != '', link_refused,
        last_received_at = unset, 'not_initiated',
        thread_control = 'other' AND asked_at < probe_at, 'thread_controlled_elsewhere',
        window_seconds IS NOT NULL AND asked_at >= assumeNotNull(expires_at), 'reply_window_closed',
        if(rank = 0 OR limit_scope = 'all', active_count >= monthly_limit, rank > monthly_limit), 'monthly_limit_reached',
        unavailable_at > greatest(last_received_at, last_sent_at), 'recipient_unavailable',
        ''
    ) AS reason,
    expires_at AS window_expires_at,
    multiIf(
        reason = 'thread_controlled_elsewhere', probe_at,
        reason = 'monthly_limit_reached', next_month_at,
        NULL
    ) AS opens_at,
    rank AS rank_this_month,
    active_count,
    monthly_limit,
    link.4 AS provider
FROM
(
    SELECT
        f.* EXCEPT (profile_id, conversation_id),
        f.profile_id AS profile_id,
        f.conversation_id AS conversation_id,
        {at:DateTime64(3, 'UTC')} AS asked_at,
        ifNull(s.is_on, false) AS is_on,
        -- Accounts of that name, and notices of the whole network.
        arrayFilter(l -> l.2 = f.platform AND (l.3 = f.account_id OR l.3 = ''), s.links) AS mine,
        arrayDistinct(arrayMap(l -> l.1, mine)) AS providers,
        arrayMap(p -> arrayReverseSort(arrayMap(l -> l.5, arrayFilter(l -> l.1 = p AND l.4, mine))), providers) AS linked,
        arrayMap(p -> arrayReverseSort(arrayMap(l -> l.5, arrayFilter(l -> l.1 = p AND NOT l.4, mine))), providers) AS unlinked,
        -- (standing, is preferred, when linked, provider): the greatest is used.
        arrayReverseSort(arrayMap(
            (p, on, off) -> (
                multiIf(
                    empty(on) OR (notEmpty(off) AND on[1] <= off[1]), 0,
                    f.platform IN ('facebook', 'instagram') AND on[1].1 < s.on_since, 1,
                    2
                ),
                p = f.provider,
                on[1],
                p
            ),
            providers, linked, unlinked
        ))[1] AS link,
        multiIf(empty(providers) OR link.1 = 0, 'account_unlinked', link.1 = 1, 'relink_required', '') AS link_refused,
        greatest(f.thread_at, f.last_accepted_at) + toIntervalHour(1) AS probe_at,
        if(f.last_received_at = unset, NULL, f.last_received_at + toIntervalSecond(f.window_seconds)) AS expires_at,
        formatDateTime(asked_at, '%Y-%m', f.zone) AS month,
        -- Midnight there, by the clock as it stood just before: where it jumps, the jump.
        toDateTime64(makeDate(toUInt16(substring(month, 1, 4)), toUInt8(substring(month, 6, 2)), 1) + toIntervalMonth(1), 3, 'UTC') AS wall,
        wall - toIntervalSecond(ahead(wall)) AS near,
        wall - toIntervalSecond(ahead(near - toIntervalSecond(1))) AS next_month_at,
        ifNull(p.rank, 0) AS rank,
        ifNull(c.highest, 0) AS active_count
    FROM ${database}.heads_and_settings AS f
    LEFT JOIN ${database}.profile_switches AS s ON f.profile_id = s.profile_id
    LEFT JOIN ${database}.places AS p
        ON f.profile_id = p.profile_id AND f.conversation_id = p.conversation_id
        AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = p.month
    LEFT JOIN
    (
        SELECT profile_id, month, max(rank) AS highest
        FROM ${database}.live_places
        GROUP BY profile_id, month
    ) AS c
        ON f.profile_id = c.profile_id AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = c.month
    WHERE f.conversation_id != ''
);

-- The dictionary, as in 0014, with what is new.
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
    ('conversations_waiting', 'Conversations whose correspondent wrote after the last reply by a person.', 'conversations', 'time of the query', 'Auto-responses are no reply. The view has archived conversations too, marked is_archived; the dashboard leaves them out.', 'waiting_conversations'),
    ('waiting_seconds', 'How long a correspondent has waited: from their first message after the last reply by a person.', 'seconds', 'occurred_at to the time of the query', 'Conversations that were answered.', 'waiting_conversations.waiting_seconds'),
    ('window_remaining_seconds', 'How long a reply is still allowed by the reply window; negative once it is over.', 'seconds', 'time of the query', 'Platforms and profiles without a window.', 'waiting_conversations.window_remaining_seconds'),
    ('windows_closing', 'Conversations that wait for a reply and whose reply window ends within 24 hours.', 'conversations', 'time of the query', 'Archived conversations, and those without a window.', 'closing_windows'),
    ('windows_closed_unanswered', 'Reply windows that ended without a reply by a person, by the UTC day on which they opened.', 'windows', 'occurred_at to the time of the query', 'Windows that a further message of the correspondent moved: that message''s window counts. Lengths are those of the settings now.', 'reply_windows_daily.closed_count'),
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

-- What stood in their place.
DROP VIEW IF EXISTS ${database}.facts_and_settings ${on_cluster};
DROP VIEW IF EXISTS ${database}.facts ${on_cluster};
DROP TABLE IF EXISTS ${database}.conversation_facts ${on_cluster};
