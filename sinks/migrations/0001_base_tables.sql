-- The private tables: what was on the log, record by record, and what happened, once each.
-- Analysts use the views (0002 and later); these may change.
-- fsync: an acknowledged insert lets the worker commit its offset, so it must outlive the machine;
-- it costs 3 ms an insert (measured).

-- One row per record of dm.events.v1, the unreadable ones too: completeness is proven on it.
-- Written after `events`: a record that is here is in `events`, whatever died in between.
CREATE TABLE IF NOT EXISTS ${database}.event_log ${on_cluster}
(
    _log LowCardinality(String) COMMENT 'Incarnation of the log: Kafka''s cluster id',
    _topic LowCardinality(String) COMMENT 'Kafka topic',
    _partition UInt32 COMMENT 'Kafka partition',
    _offset UInt64 COMMENT 'Kafka offset',
    event_id String COMMENT 'Id of the happening; empty where the record is unreadable',
    type LowCardinality(String) COMMENT 'CloudEvents type, as dm.message.received.v1; or unreadable',
    profile_id String COMMENT 'The profile; empty where the record is unreadable',
    conversation_id String COMMENT 'platform:account:correspondent; empty on events of a profile',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened on the platform, UTC; 1970 where unreadable',
    received_at DateTime64(3, 'UTC') COMMENT 'When we heard of it, UTC; 1970 where unreadable',
    logged_at DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, UTC',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row came here, UTC',
    key String COMMENT 'The record''s key, bytes',
    payload String COMMENT 'The record''s value, bytes; blanked by erasure' CODEC(ZSTD(1)),
    restored_from String COMMENT 'log/partition/offset the record had before a restore; else empty'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY _log
ORDER BY (_log, _topic, _partition, _offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row per (profile_id, event_id) under FINAL, from any incarnation of the log, and one per
-- message even where several providers tell of it. Of several copies the highest `version` stays,
-- so neither order nor repetition matters. conversation_id and message_id stand in the key for the
-- views' sake: both follow from the event.
CREATE TABLE IF NOT EXISTS ${database}.events ${on_cluster}
(
    profile_id String,
    conversation_id String,
    message_id String COMMENT 'The platform''s id of the message it is about; empty where it is about none',
    slot String COMMENT 'Which happening of the message or conversation: empty for the message itself, else the event''s id',
    event_id String,
    version UInt64 COMMENT 'Which of several copies is kept: see sinks/rows.py',
    kind LowCardinality(String) COMMENT 'The type without dm. and the version: message.received',
    platform LowCardinality(String),
    provider LowCardinality(String),
    account_id String,
    correspondent_id String,
    command_id String,
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    logged_at DateTime64(3, 'UTC'),
    is_backfilled Bool,
    is_standby Bool COMMENT 'It came on the channel for apps that do not own the thread',
    is_time_estimated Bool COMMENT 'The platform told no time; the notice''s own stands in',
    is_unreadable Bool COMMENT 'A message whose content the platform does not hand out',
    text String COMMENT 'Blanked by erasure' CODEC(ZSTD(1)),
    attachments String COMMENT 'JSON array; blanked by erasure' CODEC(ZSTD(1)),
    origin LowCardinality(String) COMMENT 'api, auto or elsewhere; empty on received messages',
    party LowCardinality(String) COMMENT 'correspondent or account: who read, reacted, edited, deleted',
    person_id String COMMENT 'Who reacted',
    emoji String,
    watermark_at DateTime64(3, 'UTC') COMMENT 'A receipt up to this instant; 1970 for none',
    correlation_id String,
    causation_id String,
    details String COMMENT 'JSON of what the event carries beyond these columns; blanked by erasure' CODEC(ZSTD(1)),
    external_conversation_id String DEFAULT JSONExtractString(details, 'external_conversation_id'),
    correspondent_name String DEFAULT JSONExtractString(details, 'correspondent', 'name') COMMENT 'Blanked by erasure',
    correspondent_username String DEFAULT JSONExtractString(details, 'correspondent', 'username') COMMENT 'Blanked by erasure',
    edit_number UInt32 DEFAULT JSONExtractUInt(details, 'edit_number'),
    month LowCardinality(String) DEFAULT JSONExtractString(details, 'month') COMMENT '2026-11, in the profile''s zone',
    rank UInt32 DEFAULT JSONExtractUInt(details, 'rank') COMMENT 'Place in the profile''s month',
    reason LowCardinality(String) DEFAULT JSONExtractString(details, 'reason')
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (profile_id, conversation_id, message_id, slot)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row per record of dm.failures.v1.
CREATE TABLE IF NOT EXISTS ${database}.failure_log ${on_cluster}
(
    _log LowCardinality(String) COMMENT 'Incarnation of the log: Kafka''s cluster id',
    _topic LowCardinality(String) COMMENT 'Kafka topic',
    _partition UInt32 COMMENT 'Kafka partition',
    _offset UInt64 COMMENT 'Kafka offset',
    failure_id String COMMENT 'One for a failure however often it is told; its coordinates where it has none',
    stage LowCardinality(String),
    reason LowCardinality(String),
    error_class LowCardinality(String),
    message String COMMENT 'A sentence without any text of a message',
    failed_at DateTime64(3, 'UTC') COMMENT 'UTC; the record''s timestamp where it tells none',
    logged_at DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, UTC',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row came here, UTC',
    original_topic LowCardinality(String),
    original_partition Int32 COMMENT '-1 where unknown',
    original_offset Int64 COMMENT '-1 where unknown',
    key String COMMENT 'The original record''s key, bytes',
    payload String COMMENT 'The original record''s value, bytes' CODEC(ZSTD(1)),
    headers Array(Tuple(name String, value String)) COMMENT 'All headers; values are bytes'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY _log
ORDER BY (_log, _topic, _partition, _offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Business settings that the views need, as they stood at the last migration.
CREATE TABLE IF NOT EXISTS ${database}.defaults ${on_cluster}
(
    name String,
    value String,
    set_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'UTC; the latest wins'
)
ENGINE = ${replicated}ReplacingMergeTree(set_at)
ORDER BY name;

-- Dated 1970, so that any later value wins.
INSERT INTO ${database}.defaults (name, value, set_at) VALUES
    ('monthly_limit', '100', 0),
    ('month_zone', 'UTC', 0),
    ('reply_window_seconds.facebook', '', 0),
    ('reply_window_seconds.instagram', '604800', 0),
    ('reply_window_seconds.x', '', 0);
