-- `can_reply` in SQL: what streams/conversation/can_reply.py decides, on the archive's events.
-- tests/pipeline/test_can_reply_in_sql.py runs both on the same states and instants. A change of
-- the one is a change of the other.

-- Private: what each profile's own events say of messaging and accounts.
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
FROM ${database}.events FINAL
WHERE conversation_id = ''
    AND kind IN ('messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked')
GROUP BY profile_id;

-- Private: each conversation's place in each month. Of several that claim one place, the one with
-- the smallest fingerprint has it, in the two newest months of the profile (months.py).
CREATE OR REPLACE VIEW ${database}.places ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH claims AS
(
    SELECT
        profile_id, conversation_id, place.month AS month, place.rank AS rank,
        greatest(CRC32(conversation_id), 1) AS claimant
    FROM ${database}.facts
    ARRAY JOIN months AS place
)
SELECT
    profile_id,
    conversation_id,
    month,
    minOrNullIf(rank, rank > 1000 OR claimant = holder OR place_of_month > 2) AS rank
FROM
(
    SELECT
        *,
        min(claimant) OVER (PARTITION BY profile_id, month, rank) AS holder,
        dense_rank() OVER (PARTITION BY profile_id ORDER BY month DESC) AS place_of_month
    FROM claims
)
GROUP BY profile_id, conversation_id, month;

-- Private: the decision at an instant, for every conversation.
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
    FROM ${database}.facts_and_settings AS f
    LEFT JOIN ${database}.profile_switches AS s ON f.profile_id = s.profile_id
    LEFT JOIN ${database}.places AS p
        ON f.profile_id = p.profile_id AND f.conversation_id = p.conversation_id
        AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = p.month
    LEFT JOIN
    (
        SELECT profile_id, place.month AS month, max(place.rank) AS highest
        FROM ${database}.facts
        ARRAY JOIN months AS place
        GROUP BY profile_id, month
    ) AS c
        ON f.profile_id = c.profile_id AND formatDateTime({at:DateTime64(3, 'UTC')}, '%Y-%m', f.zone) = c.month
    WHERE f.conversation_id != ''
);

CREATE OR REPLACE VIEW ${analytics}.can_reply ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    is_allowed Bool COMMENT 'A well-formed message may be sent at the time of the query, by the archive',
    reason LowCardinality(String) COMMENT 'The rule that forbids it, the first in the order of docs/rules.md; empty: allowed',
    window_expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the reply window; UTC; null: no window, or they never wrote',
    opens_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When time alone changes the answer: the next month, or the next probe of the thread; UTC; null: it does not',
    rank_this_month UInt32 COMMENT 'Its place in the profile''s month, from 1; 0: none',
    provider LowCardinality(String) COMMENT 'Whom a send goes out by; empty: no account is known'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id, conversation_id, platform, is_allowed, reason,
    d.window_expires_at AS window_expires_at, d.opens_at AS opens_at, rank_this_month, d.provider AS provider
FROM ${database}.can_reply_at(at = now64(3, 'UTC')) AS d;
