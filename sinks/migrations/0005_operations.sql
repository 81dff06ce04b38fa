-- Failures, and the proof that nothing is missing.

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
    original_value String COMMENT 'Its value, byte for byte; may hold personal data',
    original_bytes UInt64 COMMENT 'Length of original_value, bytes',
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
                original_offset, key, payload, toString(_log), _partition, _offset),
            (logged_at, _log, _partition, _offset)
        ) AS first,
        count() AS told_count
    FROM ${database}.failure_log FINAL
    GROUP BY failure_id
);

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
    uniqExact(_offset) AS record_count,
    last_offset - first_offset + 1 - record_count AS missing_count,
    count() - record_count AS duplicate_count,
    uniqExactIf(_offset, is_unreadable) AS unreadable_count,
    max(logged_at) AS last_logged_at,
    max(inserted_at) AS last_inserted_at
FROM
(
    SELECT _log, _topic, _partition, _offset, logged_at, inserted_at, type = 'unreadable' AS is_unreadable
    FROM ${database}.event_log
    UNION ALL
    SELECT _log, _topic, _partition, _offset, logged_at, inserted_at, false AS is_unreadable
    FROM ${database}.failure_log
)
GROUP BY _log, _topic, _partition;
