-- Messages: the latest state of each. All rules here give the same rows for any order and any
-- repetition of the events (tests/pipeline/test_views.py compares them with a model in Python).
--
-- Joins are on equality alone: a condition on the profile then reaches both sides and reads a few
-- rows (an ASOF join, which the receipts ask for, lets it reach one side only: measured, 7 s in
-- place of 50 ms on 5 million events).

-- Private: what was said of a message after it was written, by its id.
CREATE OR REPLACE VIEW ${database}.message_changes ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    message_id,
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
WHERE message_id != '' AND slot != ''
    AND kind IN ('message.edited', 'message.deleted', 'message.delivered', 'message.read', 'reaction.added', 'reaction.removed')
GROUP BY profile_id, conversation_id, message_id;

-- Private: receipts up to an instant, for each conversation and side, by that instant:
-- (watermark_at, when everything up to it was first known to be delivered or read, by this receipt
-- or by one that reaches further).
CREATE OR REPLACE VIEW ${database}.receipt_watermarks ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    conversation_id,
    party,
    arraySort(groupArrayIf((watermark_at, first_at), kind = 'message.delivered')) AS delivered,
    arraySort(groupArrayIf((watermark_at, first_at), kind = 'message.read')) AS read
FROM
(
    SELECT
        profile_id, conversation_id, party, kind, watermark_at,
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
    )
)
GROUP BY profile_id, conversation_id, party;

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
    m.profile_id AS profile_id,
    m.conversation_id AS conversation_id,
    m.message_id AS message_id,
    m.platform AS platform,
    m.provider AS provider,
    m.account_id AS account_id,
    m.correspondent_id AS correspondent_id,
    m.direction AS direction,
    m.occurred_at AS occurred_at,
    m.received_at AS received_at,
    if(empty(text_versions), '', text_versions[-1]) AS text,
    if(is_deleted, [], arrayConcat([m.text], c.edits.4)) AS text_versions,
    length(c.edits) AS edit_count,
    if(empty(c.edits), NULL, c.edits[-1].2) AS edited_at,
    JSONExtract(
        if(is_deleted, '', m.attachments),
        'Array(Tuple(type String, platform_type String, url String, title String, id String))'
    ) AS attachments,
    -- The last change of each person, if it put a reaction there.
    CAST(
        arrayMap(
            change -> (change.1, change.5),
            arrayFilter(
                (change, place) -> NOT change.3
                    AND (place = length(c.reaction_changes) OR c.reaction_changes[place + 1].1 != change.1),
                c.reaction_changes,
                arrayEnumerate(c.reaction_changes)
            )
        )
        AS Array(Tuple(person_id String, emoji String))
    ) AS reactions,
    JSONExtractString(m.details, 'reply_to_message_id') AS reply_to_message_id,
    m.origin AS origin,
    m.command_id AS command_id,
    m.is_backfilled AS is_backfilled,
    m.is_standby AS is_standby,
    m.is_time_estimated AS is_time_estimated,
    m.is_unreadable AS is_unreadable,
    -- A message of which nothing more was said has no row there: defaults, or nulls if the reader
    -- has set join_use_nulls.
    ifNull(c.is_deleted, false) AS is_deleted,
    c.deleted_at AS deleted_at,
    ifNull(c.deleted_by, '') AS deleted_by,
    -- The nearest watermark at or after the message tells for all that reach further.
    nullIf(least(ifNull(c.delivered_at, never), ifNull(nullIf(arrayFirst(w -> w.1 >= m.occurred_at, r.delivered).2, unset), never)), never) AS delivered_at,
    nullIf(least(ifNull(c.read_at, never), ifNull(nullIf(arrayFirst(w -> w.1 >= m.occurred_at, r.read).2, unset), never)), never) AS read_at
FROM
(
    SELECT
        *,
        if(kind = 'message.received', 'in', 'out') AS direction,
        if(kind = 'message.received', 'account', 'correspondent') AS reader,
        toDateTime64('2299-01-01 00:00:00', 3, 'UTC') AS never,
        toDateTime64(0, 3, 'UTC') AS unset
    FROM ${database}.events FINAL
    WHERE slot = '' AND kind IN ('message.received', 'message.sent')
) AS m
LEFT JOIN ${database}.message_changes AS c
    ON m.profile_id = c.profile_id AND m.conversation_id = c.conversation_id AND m.message_id = c.message_id
LEFT JOIN ${database}.receipt_watermarks AS r
    ON m.profile_id = r.profile_id AND m.conversation_id = r.conversation_id AND m.reader = r.party;
