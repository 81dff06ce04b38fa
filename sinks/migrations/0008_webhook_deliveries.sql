-- Webhooks out: each attempt to deliver one. No content, no address, no secret.

CREATE TABLE IF NOT EXISTS ${database}.delivery_log ${on_cluster}
(
    _log LowCardinality(String) COMMENT 'Incarnation of the log: Kafka''s cluster id',
    _topic LowCardinality(String) COMMENT 'Kafka topic',
    _partition UInt32 COMMENT 'Kafka partition',
    _offset UInt64 COMMENT 'Kafka offset',
    profile_id String COMMENT 'Whose event',
    hook_id LowCardinality(String) COMMENT 'The subscription',
    event_id String COMMENT 'The event; also the header webhook-id',
    event_type LowCardinality(String) COMMENT 'Its type',
    attempt UInt32 COMMENT 'From 1',
    outcome LowCardinality(String) COMMENT 'delivered, failed, given_up or disabled; unreadable where the record is none',
    http_status Int32 COMMENT 'What the receiver answered; 0 where nothing',
    error String COMMENT 'Why nothing came, in our words',
    milliseconds UInt64 COMMENT 'From connecting to the answer',
    attempted_at DateTime64(3, 'UTC') COMMENT 'UTC',
    next_at DateTime64(3, 'UTC') COMMENT 'When it is tried again, UTC; 1970 where it is not',
    logged_at DateTime64(3, 'UTC') COMMENT 'Kafka''s timestamp; UTC',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it came here; UTC'
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY _log
ORDER BY (_log, _topic, _partition, _offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE VIEW ${analytics}.webhook_deliveries ${on_cluster}
(
    attempted_at DateTime64(3, 'UTC') COMMENT 'When the attempt began; UTC',
    profile_id String COMMENT 'The profile that the event is of',
    hook_id LowCardinality(String) COMMENT 'The subscription, as GET /hook/webhook names it',
    event_id String COMMENT 'The event, as in the archive; the receiver gets it as webhook-id and hookId',
    event_type LowCardinality(String) COMMENT 'Its type on dm.events.v1',
    attempt UInt32 COMMENT 'Which attempt for this event and subscription, from 1',
    outcome LowCardinality(String) COMMENT 'delivered: answered 2xx. failed: tried again. given_up: not tried again. disabled: the subscription stands still from here',
    http_status Int32 COMMENT 'The receiver''s HTTP status; 0 where it did not answer',
    error String COMMENT 'Why it did not answer; empty where it did',
    milliseconds UInt64 COMMENT 'How long the attempt took, ms',
    next_at DateTime64(3, 'UTC') COMMENT 'When it is tried again, UTC; 1970 where it is not'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT attempted_at, profile_id, hook_id, event_id, event_type, attempt, outcome, http_status, error, milliseconds, next_at
FROM ${database}.delivery_log FINAL;
