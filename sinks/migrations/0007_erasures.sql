-- Erasure: who asked to be forgotten, how far the archive has come with it, and the proof.

-- One row per erased conversation under FINAL: the latest erasure of it, finished or not. Filled by
-- the sink, before the range that told of it is in event_log, so that no crash can skip one.
CREATE TABLE IF NOT EXISTS ${database}.erasures ${on_cluster}
(
    profile_id String,
    conversation_id String,
    account_id String,
    correspondent_id String,
    erased_at DateTime64(3, 'UTC') COMMENT 'What happened, or was received, up to here loses its content; UTC',
    is_finished Bool COMMENT 'Nothing was left when the archive last looked',
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row came here, UTC',
    version UInt64 MATERIALIZED toUInt64(greatest(toUnixTimestamp64Milli(erased_at), 0)) * 2 + is_finished
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (profile_id, conversation_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What was erased before this table was there.
INSERT INTO ${database}.erasures (profile_id, conversation_id, account_id, correspondent_id, erased_at, is_finished)
SELECT profile_id, conversation_id, any(account_id), any(correspondent_id), max(occurred_at), false
FROM ${database}.events
WHERE kind = 'correspondent.erased'
GROUP BY profile_id, conversation_id;

-- The log's order key does not know conversations: without it each erasure would read all of the log.
ALTER TABLE ${database}.event_log ${on_cluster}
    ADD INDEX IF NOT EXISTS conversation_bloom conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE ${database}.failure_log ${on_cluster}
    ADD COLUMN IF NOT EXISTS is_erased Bool DEFAULT false COMMENT 'The payload was blanked by erasure';

CREATE OR REPLACE VIEW ${analytics}.failed_events ${on_cluster}
(
    failure_id String COMMENT 'One for a failure, however often it was told',
    failed_at DateTime64(3, 'UTC') COMMENT 'When it failed first; UTC',
    stage LowCardinality(String) COMMENT 'Where: read, normalise, register, state, command, deliver or sink',
    reason LowCardinality(String) COMMENT 'Why, as a code: unreadable, unknown_account and so on',
    error_class LowCardinality(String) COMMENT 'The error''s class in the code; empty where there was none',
    message String COMMENT 'What happened and what to do; never a message''s text',
    original_topic LowCardinality(String) COMMENT 'Kafka topic of the record that failed; empty where unknown',
    original_partition Int32 COMMENT 'Its partition; -1 where unknown',
    original_offset Int64 COMMENT 'Its offset; -1 where unknown',
    original_key String COMMENT 'Its key, as bytes',
    original_value String COMMENT 'Its value, byte for byte; may hold personal data; empty once erased',
    original_bytes UInt64 COMMENT 'Length of original_value, bytes',
    is_erased Bool COMMENT 'It named an erased correspondent: its value is gone, and it can''t be replayed',
    told_count UInt64 COMMENT 'How many records of dm.failures.v1 tell of it',
    failure_log String COMMENT 'Incarnation of the log that tells of it first',
    failure_partition UInt32 COMMENT 'Partition of dm.failures.v1 of the first that tells of it',
    failure_offset UInt64 COMMENT 'Offset there; for dmstream replay'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    failure_id,
    first.1 AS failed_at,
    first.2 AS stage,
    first.3 AS reason,
    first.4 AS error_class,
    first.5 AS message,
    first.6 AS original_topic,
    first.7 AS original_partition,
    first.8 AS original_offset,
    first.9 AS original_key,
    first.10 AS original_value,
    length(original_value) AS original_bytes,
    first.14 AS is_erased,
    told_count,
    first.11 AS failure_log,
    first.12 AS failure_partition,
    first.13 AS failure_offset
FROM
(
    SELECT
        failure_id,
        argMin(
            tuple(failed_at, stage, reason, error_class, message, original_topic, original_partition,
                original_offset, key, payload, toString(_log), _partition, _offset, is_erased),
            (logged_at, _log, _partition, _offset)
        ) AS first,
        count() AS told_count
    FROM ${database}.failure_log FINAL
    GROUP BY failure_id
);

-- The proof, by content and not by what the sink says of itself. It counts stored rows, those too
-- that readers never see because a merge will remove them.
CREATE OR REPLACE VIEW ${analytics}.erasures ${on_cluster}
(
    profile_id String COMMENT 'The profile',
    conversation_id String COMMENT 'platform:account:correspondent',
    erased_at DateTime64(3, 'UTC') COMMENT 'What happened up to here has lost its texts, media and names; UTC',
    is_finished Bool COMMENT 'The archive has carried it out',
    messages_kept UInt64 COMMENT 'Messages up to that instant that are still counted, without content',
    events_left UInt64 COMMENT 'Rows of the read models'' source that still hold content: 0 is the proof',
    log_records_left UInt64 COMMENT 'Records of the archived log that still hold content: 0 is the proof',
    failures_left UInt64 COMMENT 'Kept failures that name the correspondent and still hold their bytes: 0 is the proof'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    e.profile_id AS profile_id,
    e.conversation_id AS conversation_id,
    e.erased_at AS erased_at,
    e.is_finished AS is_finished,
    ifNull(happened.messages_kept, 0) AS messages_kept,
    ifNull(happened.events_left, 0) AS events_left,
    ifNull(logged.log_records_left, 0) AS log_records_left,
    ifNull(failed.failures_left, 0) AS failures_left
FROM (SELECT * FROM ${database}.erasures FINAL) AS e
LEFT JOIN
(
    SELECT
        v.profile_id AS profile_id,
        v.conversation_id AS conversation_id,
        uniqExactIf(v.message_id, v.kind IN ('message.received', 'message.sent')) AS messages_kept,
        countIf(v.text NOT IN ('', '[erased]') OR v.attachments != '' OR v.emoji != ''
            OR v.correspondent_name != '' OR v.correspondent_username != ''
            OR arrayExists(name -> JSONHas(v.details, name), ['correspondent', 'quick_reply_payload', 'title', 'payload', 'metadata', 'media_urls', 'name'])
            OR JSONLength(v.details, 'referral') > 0 OR JSONLength(v.details, 'item') > 0
        ) AS events_left
    FROM ${database}.events AS v
    INNER JOIN (SELECT * FROM ${database}.erasures FINAL) AS e
        ON v.profile_id = e.profile_id AND v.conversation_id = e.conversation_id
    WHERE least(v.occurred_at, v.received_at) <= e.erased_at
        AND (v.profile_id, v.conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.erasures)
    GROUP BY profile_id, conversation_id
) AS happened ON e.profile_id = happened.profile_id AND e.conversation_id = happened.conversation_id
LEFT JOIN
(
    SELECT
        l.profile_id AS profile_id,
        l.conversation_id AS conversation_id,
        countIf(JSONExtractString(l.payload, 'data', 'text') NOT IN ('', '[erased]')
            OR arrayExists(name -> JSONHas(l.payload, 'data', name), ['attachments', 'emoji', 'correspondent', 'quick_reply_payload', 'title', 'payload', 'metadata', 'media_urls', 'name'])
            OR JSONLength(l.payload, 'data', 'referral') > 0 OR JSONLength(l.payload, 'data', 'item') > 0
        ) AS log_records_left
    FROM ${database}.event_log AS l
    INNER JOIN (SELECT * FROM ${database}.erasures FINAL) AS e
        ON l.profile_id = e.profile_id AND l.conversation_id = e.conversation_id
    WHERE least(l.occurred_at, l.received_at) <= e.erased_at
        AND l.conversation_id IN (SELECT conversation_id FROM ${database}.erasures)
    GROUP BY profile_id, conversation_id
) AS logged ON e.profile_id = logged.profile_id AND e.conversation_id = logged.conversation_id
LEFT JOIN
(
    SELECT e.profile_id AS profile_id, e.conversation_id AS conversation_id, count() AS failures_left
    FROM (SELECT * FROM ${database}.erasures FINAL) AS e
    CROSS JOIN
    (
        SELECT
            extractAll(payload, '[0-9A-Za-z_-]+') AS words,
            key,
            ifNull(parseDateTime64BestEffortOrNull(arrayFirst(header -> header.1 = 'dm-received-at', headers).2, 3, 'UTC'), failed_at) AS received_at
        FROM ${database}.failure_log
        WHERE NOT is_erased
    ) AS f
    WHERE has(f.words, e.correspondent_id) AND f.received_at <= e.erased_at
        AND (has(f.words, e.account_id) OR f.key IN (e.account_id, e.profile_id, ''))
    GROUP BY profile_id, conversation_id
) AS failed ON e.profile_id = failed.profile_id AND e.conversation_id = failed.conversation_id;
