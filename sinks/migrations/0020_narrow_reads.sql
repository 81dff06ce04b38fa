-- The same numbers from narrower reads: what profiles told of themselves in a table of its own, no
-- joins with it, and what is touched found before copies are merged (decision 29).

-- Events of profiles that settings and accounts are made of. A part of `events` that has few rows: a
-- question about settings read the granules of every profile's beginning there, 250,000 rows for a
-- hundred profiles (measured). Filled as `touched` is: by the insert, and again by its repetition.
-- Nothing in them is ever erased (sinks/erasure_sql.py).
CREATE TABLE IF NOT EXISTS ${database}.profile_events ${on_cluster}
(
    profile_id String,
    event_id String,
    version UInt64,
    kind LowCardinality(String),
    provider LowCardinality(String),
    account_id String,
    occurred_at DateTime64(3, 'UTC'),
    details String CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (profile_id, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_profile_events ${on_cluster} TO ${database}.profile_events
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT profile_id, event_id, version, kind, provider, account_id, occurred_at, details
FROM ${database}.events
WHERE conversation_id = ''
    AND kind IN ('limit.changed', 'messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked');

-- What was there before. What comes at the same time comes twice, and is one row.
INSERT INTO ${database}.profile_events (profile_id, event_id, version, kind, provider, account_id, occurred_at, details)
SELECT profile_id, event_id, version, kind, provider, account_id, occurred_at, details
FROM ${database}.events
WHERE conversation_id = ''
    AND kind IN ('limit.changed', 'messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked');

-- Private: as in 0018.
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
FROM ${database}.profile_events FINAL
WHERE kind = 'limit.changed'
GROUP BY profile_id;

-- Private: as in 0013.
CREATE OR REPLACE VIEW ${database}.profile_switches ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    argMaxIf(kind = 'messaging.activated', (occurred_at, event_id), kind IN ('messaging.activated', 'messaging.deactivated')) AS is_on,
    maxIf(occurred_at, kind IN ('messaging.activated', 'messaging.deactivated')) AS told_at,
    maxOrNullIf(occurred_at, kind = 'messaging.deactivated') AS off_at,
    groupArrayIf(occurred_at, kind = 'messaging.activated') AS activations,
    arrayFilter(at -> off_at IS NULL OR at > off_at, activations) AS since_off,
    if(empty(since_off), told_at, arrayMin(since_off)) AS on_since,
    -- (provider, platform, account_id, is_link, (at, event_id))
    groupArrayIf(
        (toString(provider), JSONExtractString(details, 'platform'), account_id, kind = 'account.linked', (occurred_at, event_id)),
        kind IN ('account.linked', 'account.unlinked')
    ) AS links
FROM ${database}.profile_events FINAL
WHERE kind IN ('messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked')
GROUP BY profile_id;

-- Private: as in 0003.
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
FROM ${database}.profile_events FINAL
WHERE kind = 'limit.changed'
GROUP BY profile_id;

-- Private: the settings as they are now, one row of lists: the first element is the defaults, then
-- each profile that has settings of its own. A view looks a profile up in them by its name, once for
-- each name in a block instead of once for each row, and not at all where nobody asks for it.
CREATE OR REPLACE VIEW ${database}.setting_lists ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    arraySort(row -> row.1, groupArray((
        profile_id, zone, monthly_limit, limit_scope, facebook_window, instagram_window, x_window, mask, opens, closes
    ))) AS told
SELECT
    told.1 AS profiles, told.2 AS zones, told.3 AS limits, told.4 AS scopes,
    -- Seconds; -1: no window.
    told.5 AS facebook_windows, told.6 AS instagram_windows, told.7 AS x_windows,
    told.8 AS masks, told.9 AS openings, told.10 AS closings
FROM
(
    SELECT
        p.profile_id AS profile_id,
        if(wanted IN (SELECT time_zone FROM system.time_zones), wanted, 'UTC') AS zone,
        coalesce(nullIf(p.told_zone, ''), d.told_zone) AS wanted,
        ifNull(p.monthly_limit, d.monthly_limit) AS monthly_limit,
        coalesce(nullIf(p.limit_scope, ''), 'conversations') AS limit_scope,
        toInt64(ifNull(toUInt32OrNull(coalesce(nullIf(p.facebook_window, ''), d.facebook_window)), -1)) AS facebook_window,
        toInt64(ifNull(toUInt32OrNull(coalesce(nullIf(p.instagram_window, ''), d.instagram_window)), -1)) AS instagram_window,
        toInt64(ifNull(toUInt32OrNull(coalesce(nullIf(p.x_window, ''), d.x_window)), -1)) AS x_window,
        if(p.business_mask > 0, p.business_mask, d.business_mask) AS mask,
        if(p.business_mask > 0, p.business_opens, d.business_opens) AS opens,
        if(p.business_mask > 0, p.business_closes, d.business_closes) AS closes
    FROM
    (
        -- One that told nothing: the defaults.
        SELECT
            '' AS profile_id, CAST(NULL AS Nullable(UInt64)) AS monthly_limit, '' AS limit_scope, '' AS told_zone,
            '' AS facebook_window, '' AS instagram_window, '' AS x_window,
            toUInt8(0) AS business_mask, toInt32(0) AS business_opens, toInt32(0) AS business_closes
        UNION ALL
        SELECT
            profile_id, monthly_limit, limit_scope, told_zone, facebook_window, instagram_window, x_window,
            business_mask, business_opens, business_closes
        FROM ${database}.own_settings
        WHERE profile_id != ''
    ) AS p
    CROSS JOIN ${database}.default_settings AS d
);

-- Private: as in 0017. The condition is one on the key, so it may come before copies are merged
-- (measured: 190 ms of processor time in place of 300). Types as the tables have them: of a union with
-- plain strings every row is made a plain string.
CREATE OR REPLACE VIEW ${database}.touched_facts ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    * EXCEPT (profile_id, platform, provider, thread_control, attachment_direction, attachment_type, reaction_party, reaction_emoji, send_outcome, send_reason),
    CAST(computed.profile_id AS LowCardinality(String)) AS profile_id,
    toLowCardinality(computed.platform) AS platform,
    toLowCardinality(computed.provider) AS provider,
    toLowCardinality(computed.thread_control) AS thread_control,
    CAST(computed.attachment_direction AS Array(LowCardinality(String))) AS attachment_direction,
    CAST(computed.attachment_type AS Array(LowCardinality(String))) AS attachment_type,
    CAST(computed.reaction_party AS Array(LowCardinality(String))) AS reaction_party,
    CAST(computed.reaction_emoji AS Array(LowCardinality(String))) AS reaction_emoji,
    CAST(computed.send_outcome AS Array(LowCardinality(String))) AS send_outcome,
    CAST(computed.send_reason AS Array(LowCardinality(String))) AS send_reason,
    toUInt64(0) AS version
FROM ${database}.computed_facts AS computed
WHERE (computed.profile_id, computed.conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched)
SETTINGS optimize_move_to_prewhere_if_final = 1;

-- Private: events of what computing has not come to yet, each once. CAST, as a condition on the result
-- reaches the table's order through it; through toLowCardinality it does not.
CREATE OR REPLACE VIEW ${database}.touched_events ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (profile_id), CAST(e.profile_id AS LowCardinality(String)) AS profile_id
FROM ${database}.events AS e FINAL
WHERE (e.profile_id, e.conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched)
SETTINGS optimize_move_to_prewhere_if_final = 1;

-- Private: turns and waits of those, as `computed_facts` says them. By itself, as planning all facts
-- takes longer than computing these.
CREATE OR REPLACE VIEW ${database}.touched_turns ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    *,
    -- (at, is_reply): at the same instant the reply is the later. Auto-responses answer nobody.
    arrayMap(m -> (m.1, m.2), arrayFilter(m -> NOT m.3, messages)) AS turns
FROM
(
    SELECT
        profile_id,
        conversation_id,
        toLowCardinality(max(e.platform)) AS platform,
        arraySort(groupArray((occurred_at, kind = 'message.sent', kind = 'message.sent' AND origin = 'auto'))) AS messages,
        countIf(is_backfilled) > 0 AS has_backfill
    FROM ${database}.touched_events AS e
    WHERE kind IN ('message.received', 'message.sent')
    GROUP BY profile_id, conversation_id
);

-- Private: the facts as they are now, as in 0017.
CREATE OR REPLACE VIEW ${database}.live_quarters ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_quarters
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(greatest(intDiv(quarter, 96), 0)) AS day,
    profile_id,
    toLowCardinality(max(e.platform)) AS platform,
    conversation_id,
    toInt32(floor(toUnixTimestamp64Milli(occurred_at) / 900000)) AS quarter,
    toUInt32(countIf(kind = 'message.received')) AS received,
    toUInt32(countIf(kind = 'message.sent')) AS sent,
    toUInt32(countIf(kind = 'message.sent' AND origin = 'auto')) AS auto,
    toUInt32(countIf(is_backfilled)) AS backfilled
FROM ${database}.touched_events AS e
WHERE kind IN ('message.received', 'message.sent')
GROUP BY profile_id, conversation_id, quarter;

CREATE OR REPLACE VIEW ${database}.live_heads ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH toDateTime64(0, 3, 'UTC') AS unset
SELECT * EXCEPT (version) FROM ${database}.fact_heads
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    profile_id, conversation_id, platform, provider, account_id, correspondent_id,
    received_count, sent_count, auto_sent_count, backfilled_count, first_received_at, last_received_at, last_sent_at,
    -- The first run of replies after the first message of the correspondent.
    arrayFirst(t -> t.2 AND received_count > 0 AND t.1 >= first_received_at, turns).1 AS first_replied_at,
    -- Nobody waits where the last turn is a reply; else since the first after the last reply.
    if(empty(turns) OR turns[-1].2, unset, arrayFirst((t, place) -> place > arrayLastIndex(r -> r.2, turns), turns, arrayEnumerate(turns)).1) AS waiting_since,
    wrote_in,
    CAST(places AS Array(Tuple(month LowCardinality(String), rank UInt32))) AS months,
    is_archived, thread_control, thread_at, last_accepted_at, unavailable_at
FROM
(
    SELECT
        profile_id,
        conversation_id,
        toLowCardinality(max(e.platform)) AS platform,
        toLowCardinality(argMaxIf(e.provider, (occurred_at, e.provider), is_message)) AS provider,
        max(e.account_id) AS account_id,
        max(e.correspondent_id) AS correspondent_id,
        toUInt32(countIf(kind = 'message.received')) AS received_count,
        toUInt32(countIf(kind = 'message.sent')) AS sent_count,
        toUInt32(countIf(kind = 'message.sent' AND origin = 'auto')) AS auto_sent_count,
        toUInt32(countIf(is_message AND is_backfilled)) AS backfilled_count,
        minIf(occurred_at, kind = 'message.received') AS first_received_at,
        maxIf(occurred_at, kind = 'message.received') AS last_received_at,
        maxIf(occurred_at, kind = 'message.sent') AS last_sent_at,
        -- (at, is_reply), as in `touched_turns`.
        arraySort(groupArrayIf((occurred_at, kind = 'message.sent'), kind = 'message.received' OR (kind = 'message.sent' AND origin != 'auto'))) AS turns,
        groupUniqArrayIf(toUInt16(toYear(occurred_at) * 12 + toMonth(occurred_at) - 1), kind = 'message.received') AS wrote_in,
        arraySort(groupUniqArrayIf((month, rank), kind IN ('conversation.activated', 'send.accepted') AND rank > 0)) AS places,
        argMaxIf(kind = 'conversation.archived', (occurred_at, event_id), kind IN ('conversation.archived', 'conversation.unarchived')) AS is_archived,
        toLowCardinality(argMaxIf(control, (occurred_at, event_id), control != '')) AS thread_control,
        maxIf(occurred_at, control != '') AS thread_at,
        maxIf(occurred_at, kind = 'send.accepted') AS last_accepted_at,
        maxIf(occurred_at, kind = 'send.failed' AND reason = 'recipient_unavailable') AS unavailable_at
    FROM
    (
        SELECT
            *,
            kind IN ('message.received', 'message.sent') AS is_message,
            -- What an event tells of who controls the thread, as `computed_facts` has it.
            multiIf(
                platform = 'x', '',
                kind = 'thread.control_lost' OR is_standby, 'other',
                kind = 'thread.control_gained', 'ours',
                kind = 'message.sent' AND command_id != '', 'ours',
                kind = 'send.failed' AND reason = 'thread_control', 'other',
                kind = 'message.received' AND provider = 'meta' AND NOT is_backfilled, 'ours',
                ''
            ) AS control
        FROM ${database}.touched_events
    ) AS e
    GROUP BY profile_id, conversation_id
);

CREATE OR REPLACE VIEW ${database}.live_delays ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_delays
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(occurred_at, 'UTC') AS day, profile_id, platform,
    dateDiff('millisecond', occurred_at, received_at) AS delay_ms
FROM ${database}.touched_events
WHERE kind IN ('message.received', 'message.sent') AND NOT is_backfilled;

CREATE OR REPLACE VIEW ${database}.live_places ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_places
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT DISTINCT
    profile_id, month, platform, conversation_id, rank, toUInt32(greatest(CRC32(conversation_id), 1)) AS claimant
FROM ${database}.touched_events
WHERE kind IN ('conversation.activated', 'send.accepted') AND rank > 0;

CREATE OR REPLACE VIEW ${database}.live_turns ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_turns
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(opened_at, 'UTC') AS day, platform, profile_id, conversation_id, turn.1 AS opened_at,
    next.1 AS next_at, next.2 AS next_is_reply
FROM ${database}.touched_turns
ARRAY JOIN turns AS turn, arrayShiftLeft(turns, 1, (toDateTime64(0, 3, 'UTC'), 0)) AS next
WHERE NOT turn.2;

CREATE OR REPLACE VIEW ${database}.live_spans ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_spans
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(started_at, 'UTC') AS day, profile_id, platform, conversation_id,
    toBool(number = 1) AS is_first, toBool(has_backfill) AS has_backfill, started_at, ended_at,
    arrayFirst(m -> m.3 AND m.1 >= started_at AND (ended_at = toDateTime64(0, 3, 'UTC') OR m.1 <= ended_at), messages).1 AS auto_at
FROM
(
    SELECT
        *,
        arrayMap(t -> t.1, arrayFilter(
            (t, place) -> NOT t.2 AND (place = 1 OR turns[place - 1].2), turns, arrayEnumerate(turns)
        )) AS starts,
        arrayMap(t -> t.1, arrayFilter(
            (t, place) -> t.2 AND place > 1 AND NOT turns[place - 1].2, turns, arrayEnumerate(turns)
        )) AS ends
    FROM ${database}.touched_turns
)
-- Runs of both sides alternate and the first is the correspondent's: the nth start has the nth end.
ARRAY JOIN
    starts AS started_at, arrayResize(ends, length(starts), toDateTime64(0, 3, 'UTC')) AS ended_at,
    arrayEnumerate(starts) AS number;

-- Private: facts of conversations with what the settings make of them.
CREATE OR REPLACE VIEW ${database}.heads_and_settings ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    (SELECT (profiles, zones, limits, scopes, facebook_windows, instagram_windows, x_windows) FROM ${database}.setting_lists) AS settings,
    CAST(transform(f.profile_id, settings.1, arrayEnumerate(settings.1), 1) AS UInt64) AS place
SELECT
    f.*,
    settings.2[place] AS zone,
    settings.3[place] AS monthly_limit,
    settings.4[place] AS limit_scope,
    CAST(nullIf(multiIf(
        f.platform = 'facebook', settings.5[place],
        f.platform = 'instagram', settings.6[place],
        f.platform = 'x', settings.7[place],
        -1
    ), -1) AS Nullable(UInt32)) AS window_seconds
FROM ${database}.live_heads AS f;

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
        c.*,
        fromUnixTimestamp64Milli(toInt64(c.since) * 900000, 'UTC') AS instant,
        -- The wall clock there, written as if it were UTC.
        if(zone = 'UTC', instant, toDateTime64(formatDateTime(instant, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC')) AS local
    FROM
    (
        WITH (SELECT (profiles, zones) FROM ${database}.setting_lists) AS settings
        SELECT
            q.day AS utc_day, profile_id, platform,
            settings.2[CAST(transform(profile_id, settings.1, arrayEnumerate(settings.1), 1) AS UInt64)] AS zone,
            -- UTC's hours are whole hours; another zone's may begin at any quarter.
            if(zone = 'UTC', quarter - positiveModulo(quarter, 4), quarter) AS since,
            sum(q.received) AS received, sum(q.sent) AS sent, sum(q.auto) AS auto
        FROM ${database}.live_quarters AS q
        GROUP BY utc_day, profile_id, platform, zone, since
    ) AS c
)
GROUP BY profile_id, platform, day, weekday, hour, utc_day;

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
WITH
    (SELECT (profiles, limits) FROM ${database}.setting_lists) AS settings
SELECT
    a.profile_id AS profile_id,
    a.month AS month,
    a.active_count AS active_count,
    a.facebook_count AS facebook_count,
    a.instagram_count AS instagram_count,
    a.x_count AS x_count,
    settings.2[CAST(transform(a.profile_id, settings.1, arrayEnumerate(settings.1), 1) AS UInt64)] AS monthly_limit,
    active_count / monthly_limit AS limit_share,
    active_count >= monthly_limit AS is_limit_reached
FROM
(
    SELECT
        profile_id,
        month,
        toUInt64(max(rank)) AS active_count,
        -- A conversation may claim several places of a month; it counts once. Who does not ask for
        -- these three does not pay for them.
        uniqExactIf(conversation_id, platform = 'facebook') AS facebook_count,
        uniqExactIf(conversation_id, platform = 'instagram') AS instagram_count,
        uniqExactIf(conversation_id, platform = 'x') AS x_count
    FROM ${database}.live_places
    GROUP BY profile_id, month
) AS a;

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
    WITH
        (SELECT (profiles, zones, masks, openings, closings) FROM ${database}.setting_lists) AS settings,
        CAST(transform(s.profile_id, settings.1, arrayEnumerate(settings.1), 1) AS UInt64) AS place
    SELECT
        s.*,
        -- Low cardinality, as the name is: it is compared once for each.
        settings.2[transform(s.profile_id, settings.1, arrayEnumerate(settings.1), 1)] AS zone,
        settings.3[place] AS business_mask,
        settings.4[place] AS business_opens,
        settings.5[place] AS business_closes
    FROM ${database}.live_spans AS s
) AS f;

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
    WITH
        (SELECT (profiles, facebook_windows, instagram_windows, x_windows) FROM ${database}.setting_lists) AS settings,
        CAST(transform(t.profile_id, settings.1, arrayEnumerate(settings.1), 1) AS UInt64) AS place
    SELECT
        t.*,
        CAST(nullIf(multiIf(
            t.platform = 'facebook', settings.2[place],
            t.platform = 'instagram', settings.3[place],
            t.platform = 'x', settings.4[place],
            -1
        ), -1) AS Nullable(UInt32)) AS window_seconds,
        t.next_at != toDateTime64(0, 3, 'UTC') AND t.next_at < t.opened_at + toIntervalSecond(assumeNotNull(window_seconds)) AS is_followed,
        is_followed AND t.next_is_reply AS is_replied
    FROM ${database}.live_turns AS t
    WHERE window_seconds IS NOT NULL
        -- The table's order finds these; most platforms have no window.
        AND platform IN
        (
            SELECT platform FROM ${database}.setting_lists
            ARRAY JOIN ['facebook', 'instagram', 'x'] AS platform, [facebook_windows, instagram_windows, x_windows] AS lengths
            WHERE arrayMax(lengths) >= 0
        )
) AS w
-- A further message of the correspondent within the window moves it: that one has the row.
WHERE NOT is_followed OR is_replied;

CREATE OR REPLACE VIEW ${analytics}.conversation_activity ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    began_at DateTime64(3, 'UTC') COMMENT 'Beginning of the quarter of an hour in which the messages were written; UTC',
    day Date COMMENT 'UTC day of it',
    zone LowCardinality(String) COMMENT 'The profile''s zone, as Europe/Berlin: of weekday and hour',
    weekday UInt8 COMMENT 'In the profile''s zone: 1 is Monday, 7 is Sunday',
    hour UInt8 COMMENT 'In the profile''s zone, 0 to 23',
    received_count UInt64 COMMENT 'Messages of the correspondent in it',
    sent_count UInt64 COMMENT 'Messages of the profile''s side in it',
    auto_sent_count UInt64 COMMENT 'Auto-responses among sent_count'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH if(q.zone = 'UTC', began_at, toDateTime64(formatDateTime(began_at, '%Y-%m-%d %H:%i:%S', q.zone), 3, 'UTC')) AS local
SELECT
    q.profile_id AS profile_id,
    q.conversation_id AS conversation_id,
    q.platform AS platform,
    fromUnixTimestamp64Milli(toInt64(q.quarter) * 900000, 'UTC') AS began_at,
    q.day AS day,
    q.zone AS zone,
    toDayOfWeek(local) AS weekday,
    toHour(local) AS hour,
    toUInt64(q.received) AS received_count,
    toUInt64(q.sent) AS sent_count,
    toUInt64(q.auto) AS auto_sent_count
FROM
(
    WITH (SELECT (profiles, zones) FROM ${database}.setting_lists) AS settings
    SELECT
        c.*,
        settings.2[transform(c.profile_id, settings.1, arrayEnumerate(settings.1), 1)] AS zone
    FROM ${database}.live_quarters AS c
) AS q;

-- A worker of the version before 0017 may have computed facts into the table that 0018 dropped, after
-- 0017 had read it. Whatever was told around then is computed once more.
INSERT INTO ${database}.touched
SELECT DISTINCT profile_id, conversation_id FROM ${database}.event_log
WHERE inserted_at > (SELECT min(applied_at) FROM ${database}.schema_migrations WHERE name = '0017_flat_facts') - toIntervalDay(1)
    AND inserted_at < (SELECT max(applied_at) FROM ${database}.schema_migrations WHERE name = '0018_fast_metrics') + toIntervalMinute(1);
