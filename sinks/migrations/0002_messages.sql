-- Messages: the latest state of each. All rules here give the same rows for any order and any
-- repetition of the events (tests/pipeline/test_views.py compares them with a model in Python).

-- Private: a message and what was said of it by its id, without receipts up to an instant.
CREATE OR REPLACE VIEW ${database}.message_states ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    message_id,
    -- One message has one such event, unless two providers tell of it: then the first heard of.
    argMinIf(
        tuple(
            kind, platform, provider, account_id, correspondent_id, command_id, occurred_at,
            received_at, is_backfilled, is_standby, is_time_estimated, is_unreadable, text,
            attachments, origin, details
        ),
        (received_at, event_id),
        kind IN ('message.received', 'message.sent')
    ) AS message,
    arraySort(groupArrayIf((edit_number, occurred_at, event_id, text), kind = 'message.edited')) AS edits,
    countIf(kind = 'message.deleted') > 0 AS is_deleted,
    argMinOrNullIf(occurred_at, (occurred_at, event_id), kind = 'message.deleted') AS deleted_at,
    argMinIf(party, (occurred_at, event_id), kind = 'message.deleted') AS deleted_by,
    -- By person and time; at the same instant a removal is the later.
    arraySort(groupArrayIf(
        (person_id, occurred_at, kind = 'reaction.removed', event_id, if(emoji != '', emoji, JSONExtractString(details, 'name'))),
        kind IN ('reaction.added', 'reaction.removed')
    )) AS reaction_changes,
    minOrNullIf(occurred_at, kind = 'message.delivered') AS delivered_at,
    minOrNullIf(occurred_at, kind = 'message.read') AS read_at
FROM ${database}.events FINAL
WHERE message_id != ''
GROUP BY profile_id, conversation_id, message_id
HAVING countIf(kind IN ('message.received', 'message.sent')) > 0;

-- Private: receipts up to an instant. `first_at`: when everything up to `watermark_at` was first
-- known to be read or delivered, by this receipt or by one that reaches further.
CREATE OR REPLACE VIEW ${database}.receipt_watermarks ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    party,
    kind,
    watermark_at,
    min(told_at) OVER (
        PARTITION BY profile_id, conversation_id, party, kind ORDER BY watermark_at DESC
    ) AS first_at
FROM
(
    SELECT profile_id, conversation_id, party, kind, watermark_at, min(occurred_at) AS told_at
    FROM ${database}.events FINAL
    WHERE message_id = '' AND kind IN ('message.delivered', 'message.read')
        AND watermark_at > toDateTime64(0, 3, 'UTC')
    GROUP BY profile_id, conversation_id, party, kind, watermark_at
);

CREATE OR REPLACE VIEW ${analytics}.messages ${on_cluster}
(
    profile_id String COMMENT 'The profile whose account it is',
    conversation_id String COMMENT 'platform:account:correspondent',
    message_id String COMMENT 'The platform''s id of the message',
    platform LowCardinality(String) COMMENT 'facebook, instagram or x',
    provider LowCardinality(String) COMMENT 'Where we heard of it: ayrshare, meta, x or sandbox',
    account_id String COMMENT 'The page, professional account or X user of the profile',
    correspondent_id String COMMENT 'The person, as this account''s platform names them',
    direction LowCardinality(String) COMMENT 'in: the correspondent wrote; out: the profile''s side wrote',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it was written, by the platform; UTC',
    received_at DateTime64(3, 'UTC') COMMENT 'When we first heard of it; UTC',
    text String COMMENT 'After the last edit; empty once deleted or erased, or where there is none',
    text_versions Array(String) COMMENT 'The text as first written, then after each edit; empty once deleted',
    edit_count UInt32 COMMENT 'Number of edits',
    edited_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last edited; UTC; null: never',
    attachments Array(Tuple(type String, platform_type String, url String, title String, id String)) COMMENT 'Media and cards; the platforms'' addresses expire; empty once deleted',
    reactions Array(Tuple(person_id String, emoji String)) COMMENT 'Reactions that stand, at most one a person, by person',
    reply_to_message_id String COMMENT 'The message it answers; empty for none',
    origin LowCardinality(String) COMMENT 'Of messages out: api (by a command), auto (auto-response), elsewhere (written outside of dmstream); empty for messages in',
    command_id String COMMENT 'The command it fulfils; empty for none',
    is_backfilled Bool COMMENT 'Fetched from the provider''s history, and not also received as it happened',
    is_standby Bool COMMENT 'It came on the channel for apps that do not own the thread',
    is_time_estimated Bool COMMENT 'The platform told no time; occurred_at is the notice''s own',
    is_unreadable Bool COMMENT 'The platform does not hand out its content',
    is_deleted Bool COMMENT 'It was deleted or unsent: the place stays, the content is gone',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was deleted; UTC; null: it was not',
    deleted_by LowCardinality(String) COMMENT 'correspondent or account; empty: it was not',
    delivered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it is first known to have reached the other side, by id or by a receipt up to an instant; UTC; null: not known',
    read_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it is first known to have been read by the other side, by id or by a receipt up to an instant; UTC; null: not known'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    s.profile_id AS profile_id,
    s.conversation_id AS conversation_id,
    s.message_id AS message_id,
    s.message.2 AS platform,
    s.message.3 AS provider,
    s.message.4 AS account_id,
    s.message.5 AS correspondent_id,
    s.direction AS direction,
    s.occurred_at AS occurred_at,
    s.message.8 AS received_at,
    if(empty(text_versions), '', text_versions[-1]) AS text,
    if(s.is_deleted, [], arrayConcat([s.message.13], s.edits.4)) AS text_versions,
    length(s.edits) AS edit_count,
    if(empty(s.edits), NULL, s.edits[-1].2) AS edited_at,
    JSONExtract(
        if(s.is_deleted, '', s.message.14),
        'Array(Tuple(type String, platform_type String, url String, title String, id String))'
    ) AS attachments,
    arrayMap(
        change -> (change.1, change.5),
        arrayFilter(
            (change, place) -> NOT change.3
                AND (place = length(s.reaction_changes) OR s.reaction_changes[place + 1].1 != change.1),
            s.reaction_changes,
            arrayEnumerate(s.reaction_changes)
        )
    ) AS reactions,
    JSONExtractString(s.message.16, 'reply_to_message_id') AS reply_to_message_id,
    s.message.15 AS origin,
    s.message.6 AS command_id,
    s.message.9 AS is_backfilled,
    s.message.10 AS is_standby,
    s.message.11 AS is_time_estimated,
    s.message.12 AS is_unreadable,
    s.is_deleted AS is_deleted,
    s.deleted_at AS deleted_at,
    s.deleted_by AS deleted_by,
    -- A join without a match gives 1970 (or null, by join_use_nulls): neither is an instant.
    nullIf(least(ifNull(s.delivered_at, never), if(d.first_at > toDateTime64(0, 3, 'UTC'), d.first_at, never)), never) AS delivered_at,
    nullIf(least(ifNull(s.read_at, never), if(r.first_at > toDateTime64(0, 3, 'UTC'), r.first_at, never)), never) AS read_at
FROM
(
    SELECT
        *,
        message.7 AS occurred_at,
        if(message.1 = 'message.received', 'in', 'out') AS direction,
        if(message.1 = 'message.received', 'account', 'correspondent') AS reader,
        toDateTime64('2299-01-01 00:00:00', 3, 'UTC') AS never
    FROM ${database}.message_states
) AS s
ASOF LEFT JOIN (SELECT * FROM ${database}.receipt_watermarks WHERE kind = 'message.delivered') AS d
    ON s.profile_id = d.profile_id AND s.conversation_id = d.conversation_id
    AND s.reader = d.party AND s.occurred_at <= d.watermark_at
ASOF LEFT JOIN (SELECT * FROM ${database}.receipt_watermarks WHERE kind = 'message.read') AS r
    ON s.profile_id = r.profile_id AND s.conversation_id = r.conversation_id
    AND s.reader = r.party AND s.occurred_at <= r.watermark_at;
