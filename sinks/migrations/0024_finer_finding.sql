-- The same numbers for less: where an archive's events are, said more finely; settings by one plan;
-- places read twice, not four times; clocks left alone where all keep UTC (decision 32).

-- Which conversations a granule has. The order of the table finds the granule of each part where one would
-- be, and most of these have none of it. A question asks for a hundred touched conversations at once, so a
-- granule must hardly ever pass for one that it has not: with the usual one in forty, nine of ten passed.
-- Parts that are there get the index in the background: under 10 s for 20 million events, 1.5 MB (measured). Until
-- then questions are as fast as before.
ALTER TABLE ${database}.events ${on_cluster} ADD INDEX IF NOT EXISTS conversations conversation_id TYPE bloom_filter(0.00001) GRANULARITY 1;
ALTER TABLE ${database}.events ${on_cluster} MATERIALIZE INDEX conversations;

-- Private: as in 0020, by one plan in place of three views: planning was all it cost.
CREATE OR REPLACE VIEW ${database}.setting_lists ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    (SELECT CAST((groupArray(name), groupArray(value)), 'Map(String, String)') FROM ${database}.defaults FINAL) AS defaults
SELECT
    rows.1 AS profiles, rows.2 AS zones, rows.3 AS limits, rows.4 AS scopes,
    -- Seconds; -1: no window.
    rows.5 AS facebook_windows, rows.6 AS instagram_windows, rows.7 AS x_windows,
    rows.8 AS masks, rows.9 AS openings, rows.10 AS closings
FROM
(
    SELECT arraySort(row -> row.1, groupArray((
        profile_id,
        if(zone IN (SELECT time_zone FROM system.time_zones), zone, 'UTC'),
        ifNull(monthly_limit, toUInt64OrZero(defaults['monthly_limit'])),
        if(limit_scope = '', 'conversations', limit_scope),
        toInt64(ifNull(toUInt32OrNull(facebook_window), -1)),
        toInt64(ifNull(toUInt32OrNull(instagram_window), -1)),
        toInt64(ifNull(toUInt32OrNull(x_window), -1)),
        -- The lowest bit is Monday.
        toUInt8(arraySum(arrayMap(
            weekday -> bitShiftLeft(1, toUInt8(weekday) - 1),
            arrayDistinct(splitByString('', JSONExtractString(business_hours, 'weekdays')))
        ))),
        toInt32(JSONExtractInt(business_hours, 'opens_seconds')),
        toInt32(JSONExtractInt(business_hours, 'closes_seconds'))
    ))) AS rows
    FROM
    (
        SELECT
            profile_id,
            argMaxOrNullIf(JSONExtractUInt(details, 'monthly_limit'), told, JSONHas(details, 'monthly_limit')) AS monthly_limit,
            argMaxIf(JSONExtractString(details, 'limit_scope'), told, JSONHas(details, 'limit_scope')) AS limit_scope,
            coalesce(nullIf(argMaxIf(JSONExtractString(details, 'month_zone'), told, JSONHas(details, 'month_zone')), ''), defaults['month_zone']) AS zone,
            -- As JSON: a number of seconds, or null (no window).
            coalesce(nullIf(argMaxIf(JSONExtractRaw(windows, 'facebook'), told, JSONHas(windows, 'facebook')), ''), defaults['reply_window_seconds.facebook']) AS facebook_window,
            coalesce(nullIf(argMaxIf(JSONExtractRaw(windows, 'instagram'), told, JSONHas(windows, 'instagram')), ''), defaults['reply_window_seconds.instagram']) AS instagram_window,
            coalesce(nullIf(argMaxIf(JSONExtractRaw(windows, 'x'), told, JSONHas(windows, 'x')), ''), defaults['reply_window_seconds.x']) AS x_window,
            argMaxIf(JSONExtractRaw(details, 'business_hours'), told, JSONHas(details, 'business_hours')) AS own_hours,
            if(JSONExtractString(own_hours, 'weekdays') = '', defaults['business_hours'], own_hours) AS business_hours
        FROM
        (
            SELECT profile_id, (occurred_at, event_id) AS told, details, JSONExtractRaw(details, 'reply_window_seconds') AS windows
            FROM ${database}.setting_changes
            WHERE profile_id != ''
            UNION ALL
            -- One that told nothing: the defaults.
            SELECT '' AS profile_id, (toDateTime64(0, 3, 'UTC'), '') AS told, '' AS details, '' AS windows
        )
        GROUP BY profile_id
    )
);

DROP VIEW IF EXISTS ${database}.own_settings ${on_cluster};
DROP VIEW IF EXISTS ${database}.default_settings ${on_cluster};


-- As in 0020, but where all profiles keep UTC no row is asked for its zone, which took half of the time of
-- business hours.
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
    (SELECT (profiles, zones, masks, openings, closings) FROM ${database}.setting_lists) AS settings,
    arrayAll(told -> told = 'UTC', settings.2) AS all_keep_utc,
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
        if(all_keep_utc OR zone = 'UTC', at, toDateTime64(formatDateTime(at, '%Y-%m-%d %H:%i:%S', zone), 3, 'UTC'))
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

-- As in 0020, with one reading of the settings.
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
        AND has(
            arrayFilter((platform, lengths) -> arrayMax(lengths) >= 0, ['facebook', 'instagram', 'x'], [settings.2, settings.3, settings.4]),
            platform
        )
) AS w
-- A further message of the correspondent within the window moves it: that one has the row.
WHERE NOT is_followed OR is_replied;

-- Private: the months of profiles, and how many places are taken in each. Two claims to one place are
-- settled in the two newest (streams/conversation/months.py).
CREATE OR REPLACE VIEW ${database}.month_counts ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT profile_id, counted.1 AS month, counted.2 AS highest, arrayCount(other -> other.1 > month, months) < 2 AS is_newest
FROM
(
    SELECT profile_id, groupArray((month, highest)) AS months
    FROM (SELECT profile_id, month, max(rank) AS highest FROM ${database}.live_places GROUP BY profile_id, month)
    GROUP BY profile_id
)
ARRAY JOIN months AS counted;

-- Private: who holds places that may be claimed twice. Of several, the one with the smallest fingerprint.
CREATE OR REPLACE VIEW ${database}.held_places ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT profile_id, month, conversation_id, groupArray(rank) AS held
FROM
(
    SELECT profile_id, month, rank, min(claimant) AS smallest, groupArray((conversation_id, claimant)) AS claims
    FROM ${database}.live_places
    WHERE rank <= 1000
    GROUP BY profile_id, month, rank
)
ARRAY JOIN arrayMap(claim -> claim.1, arrayFilter(claim -> claim.2 = smallest, claims)) AS conversation_id
GROUP BY profile_id, month, conversation_id;

-- As in 0018. Which places a conversation claims, its own facts say. In steps, as a name's text is planned
-- again wherever the name stands in the same step.
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
        *,
        -- (standing, is preferred, when linked, provider): the greatest is used.
        arrayReverseSort(arrayMap(
            (p, on, off) -> (
                multiIf(
                    empty(on) OR (notEmpty(off) AND on[1] <= off[1]), 0,
                    platform IN ('facebook', 'instagram') AND on[1].1 < on_since, 1,
                    2
                ),
                p = preferred_provider,
                on[1],
                p
            ),
            providers, linked, unlinked
        ))[1] AS link,
        multiIf(empty(providers) OR link.1 = 0, 'account_unlinked', link.1 = 1, 'relink_required', '') AS link_refused,
        wall - toIntervalSecond(ahead(near - toIntervalSecond(1))) AS next_month_at,
        if(empty(own), 0, arrayMin(own)) AS rank
    FROM
    (
        SELECT
            *,
            arrayMap(p -> arrayReverseSort(arrayMap(l -> l.5, arrayFilter(l -> l.1 = p AND l.4, mine))), providers) AS linked,
            arrayMap(p -> arrayReverseSort(arrayMap(l -> l.5, arrayFilter(l -> l.1 = p AND NOT l.4, mine))), providers) AS unlinked,
            wall - toIntervalSecond(ahead(wall)) AS near,
            arrayFilter(place -> place > 1000 OR NOT is_newest OR has(held, place), claimed) AS own
        FROM
        (
            SELECT
                f.profile_id AS profile_id,
                f.conversation_id AS conversation_id,
                f.platform AS platform,
                f.provider AS preferred_provider,
                f.last_received_at AS last_received_at,
                f.last_sent_at AS last_sent_at,
                f.thread_control AS thread_control,
                f.unavailable_at AS unavailable_at,
                f.zone AS zone,
                f.window_seconds AS window_seconds,
                f.monthly_limit AS monthly_limit,
                f.limit_scope AS limit_scope,
                {at:DateTime64(3, 'UTC')} AS asked_at,
                ifNull(s.is_on, false) AS is_on,
                s.on_since AS on_since,
                -- Accounts of that name, and notices of the whole network.
                arrayFilter(l -> l.2 = f.platform AND (l.3 = f.account_id OR l.3 = ''), s.links) AS mine,
                arrayDistinct(arrayMap(l -> l.1, mine)) AS providers,
                greatest(f.thread_at, f.last_accepted_at) + toIntervalHour(1) AS probe_at,
                if(f.last_received_at = unset, NULL, f.last_received_at + toIntervalSecond(f.window_seconds)) AS expires_at,
                formatDateTime(asked_at, '%Y-%m', f.zone) AS month,
                -- Midnight there, by the clock as it stood just before: where it jumps, the jump.
                toDateTime64(makeDate(toUInt16(substring(month, 1, 4)), toUInt8(substring(month, 6, 2)), 1) + toIntervalMonth(1), 3, 'UTC') AS wall,
                arrayMap(place -> place.2, arrayFilter(place -> place.1 = month, f.months)) AS claimed,
                ifNull(c.is_newest, false) AS is_newest,
                ifNull(c.highest, 0) AS active_count,
                p.held AS held
            FROM ${database}.heads_and_settings AS f
            LEFT JOIN ${database}.profile_switches AS s ON f.profile_id = s.profile_id
            LEFT JOIN ${database}.held_places AS p
                ON f.profile_id = p.profile_id AND f.conversation_id = p.conversation_id
                AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = p.month
            LEFT JOIN ${database}.month_counts AS c
                ON f.profile_id = c.profile_id AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = c.month
            WHERE f.conversation_id != ''
        )
    )
);

DROP VIEW IF EXISTS ${database}.places ${on_cluster};
