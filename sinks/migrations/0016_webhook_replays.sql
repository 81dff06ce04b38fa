-- Webhooks out: which replay an attempt belonged to.

ALTER TABLE ${database}.delivery_log ${on_cluster}
    ADD COLUMN IF NOT EXISTS replay_id LowCardinality(String) COMMENT 'The replay that it was told in; empty where it was told as it happened' AFTER hook_id;

CREATE OR REPLACE VIEW ${analytics}.webhook_deliveries ${on_cluster}
(
    attempted_at DateTime64(3, 'UTC') COMMENT 'When the attempt began; UTC',
    profile_id String COMMENT 'The profile that the event is of',
    hook_id LowCardinality(String) COMMENT 'The subscription, as GET /hook/webhook names it',
    event_id String COMMENT 'The event, as in the archive; the receiver gets it as webhook-id and hookId',
    event_type LowCardinality(String) COMMENT 'Its type on dm.events.v1',
    attempt UInt32 COMMENT 'Which attempt for this event and subscription, from 1',
    outcome LowCardinality(String) COMMENT 'delivered: answered 2xx. failed: tried again. given_up: not tried again. disabled: the subscription, or the replay, ends here',
    http_status Int32 COMMENT 'The receiver''s HTTP status; 0 where it did not answer',
    error String COMMENT 'Why it did not answer; empty where it did',
    milliseconds UInt64 COMMENT 'How long the attempt took, ms',
    next_at DateTime64(3, 'UTC') COMMENT 'When it is tried again, UTC; 1970 where it is not',
    replay_id LowCardinality(String) COMMENT 'The replay that it was told in (X-Dmstream-Replay); empty where it was told as it happened'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT attempted_at, profile_id, hook_id, event_id, event_type, attempt, outcome, http_status, error, milliseconds, next_at, replay_id
FROM ${database}.delivery_log FINAL;
