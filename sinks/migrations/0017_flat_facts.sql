-- The facts of conversations (0009) once more, one row each instead of arrays, in the order in which
-- they are asked for: by day. A question about a month reads that month, and merges nothing.
--
-- A row belongs to a version: one computing of one conversation. A version counts from when it is
-- shown until it is dead, and not while its conversation is touched: then the views compute it. So
-- numbers stay functions of the events, and a repeated or broken computing leaves rows that nobody
-- sees (sinks/facts.py).

-- Every version that was ever begun. Its number orders them: the later computing has the higher one.
CREATE TABLE IF NOT EXISTS ${database}.fact_versions ${on_cluster}
(
    profile_id String,
    conversation_id String,
    version UInt64 COMMENT 'Unique; grows with time',
    batch String COMMENT 'Which statement computed it'
)
ENGINE = ${replicated}MergeTree
ORDER BY (profile_id, conversation_id, version)
SETTINGS index_granularity = 256;

-- What became of versions, as bits that are never taken back: 1 begun, 2 shown, 4 dead. A version
-- that is not here is shown, long since.
CREATE TABLE IF NOT EXISTS ${database}.fact_states ${on_cluster}
(
    version UInt64,
    state UInt8,
    told_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}MergeTree
ORDER BY version;

-- Private: versions that don't count now. Few: what was computed lately, and what is touched.
CREATE OR REPLACE VIEW ${database}.hidden_versions ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT version FROM ${database}.fact_states GROUP BY version HAVING bitAnd(groupBitOr(state), 6) != 2
UNION ALL
SELECT version FROM ${database}.fact_versions
WHERE (profile_id, conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched);

CREATE TABLE IF NOT EXISTS ${database}.fact_heads ${on_cluster}
(
    version UInt64,
    profile_id LowCardinality(String),
    conversation_id String,
    platform LowCardinality(String),
    provider LowCardinality(String),
    account_id String,
    correspondent_id String,
    received_count UInt32,
    sent_count UInt32,
    auto_sent_count UInt32,
    backfilled_count UInt32,
    first_received_at DateTime64(3, 'UTC') COMMENT '1970 here and below: never',
    last_received_at DateTime64(3, 'UTC'),
    last_sent_at DateTime64(3, 'UTC'),
    first_replied_at DateTime64(3, 'UTC') COMMENT 'The first reply by a person after first_received_at',
    waiting_since DateTime64(3, 'UTC') COMMENT 'Where nobody replied to the last turn',
    wrote_in Array(UInt16) COMMENT 'UTC months with messages of the correspondent, counted from year 0',
    months Array(Tuple(month LowCardinality(String), rank UInt32)),
    is_archived Bool,
    thread_control LowCardinality(String),
    thread_at DateTime64(3, 'UTC'),
    last_accepted_at DateTime64(3, 'UTC'),
    unavailable_at DateTime64(3, 'UTC')
)
ENGINE = ${replicated}MergeTree
ORDER BY (profile_id, conversation_id)
SETTINGS index_granularity = 1024, index_granularity_bytes = 1048576;

CREATE TABLE IF NOT EXISTS ${database}.fact_quarters ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    conversation_id String,
    quarter Int32 COMMENT 'Quarters of an hour since 1970',
    received UInt32,
    sent UInt32,
    auto UInt32,
    backfilled UInt32
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, conversation_id);

CREATE TABLE IF NOT EXISTS ${database}.fact_spans ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    conversation_id String,
    is_first Bool,
    has_backfill Bool,
    started_at DateTime64(3, 'UTC'),
    ended_at DateTime64(3, 'UTC') COMMENT '1970: not yet',
    auto_at DateTime64(3, 'UTC') COMMENT '1970: none',
    -- Rows lie by day: questions that filter by the instant read its days alone, too.
    INDEX instants started_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, conversation_id);

-- Messages of correspondents with the turn that follows: what reply windows are made of.
CREATE TABLE IF NOT EXISTS ${database}.fact_turns ${on_cluster}
(
    version UInt64,
    day Date,
    platform LowCardinality(String),
    profile_id LowCardinality(String),
    conversation_id String,
    opened_at DateTime64(3, 'UTC'),
    next_at DateTime64(3, 'UTC') COMMENT '1970: none yet',
    next_is_reply Bool,
    INDEX instants opened_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
-- By platform before profile: most platforms have no reply window.
ORDER BY (day, platform, profile_id, conversation_id);

CREATE TABLE IF NOT EXISTS ${database}.fact_outs ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    is_delivered Bool,
    is_read Bool,
    read_ms Int64 COMMENT 'Until it was read; 0 where it was not'
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, platform);

CREATE TABLE IF NOT EXISTS ${database}.fact_delays ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    delay_ms Int64 COMMENT 'From the platform''s time of a message to receipt'
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, platform);

CREATE TABLE IF NOT EXISTS ${database}.fact_attachments ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    direction LowCardinality(String),
    attachment_type LowCardinality(String)
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, platform);

CREATE TABLE IF NOT EXISTS ${database}.fact_reactions ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    reacted_by LowCardinality(String),
    emoji LowCardinality(String)
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, platform);

CREATE TABLE IF NOT EXISTS ${database}.fact_places ${on_cluster}
(
    version UInt64,
    profile_id LowCardinality(String),
    month LowCardinality(String),
    platform LowCardinality(String),
    conversation_id String,
    rank UInt32,
    claimant UInt32 COMMENT 'Fingerprint of the conversation: of several that claim a place, the smallest has it'
)
ENGINE = ${replicated}MergeTree
ORDER BY (profile_id, month, rank);

CREATE TABLE IF NOT EXISTS ${database}.fact_sends ${on_cluster}
(
    version UInt64,
    day Date,
    profile_id LowCardinality(String),
    platform LowCardinality(String),
    conversation_id String,
    command_id String,
    is_auto Bool,
    outcome LowCardinality(String),
    reason LowCardinality(String),
    message_id String,
    attempt_count UInt32,
    decided_at DateTime64(3, 'UTC'),
    accepted_at DateTime64(3, 'UTC') COMMENT '1970 here and below: never',
    attempted_at DateTime64(3, 'UTC'),
    sent_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    INDEX instants decided_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
ORDER BY (day, profile_id, conversation_id);

-- Computed facts go in here, and from here to the tables above; nothing stays.
CREATE TABLE IF NOT EXISTS ${database}.fact_arrivals ${on_cluster} AS ${database}.conversation_facts ENGINE = Null;
ALTER TABLE ${database}.fact_arrivals ${on_cluster} ADD COLUMN IF NOT EXISTS version UInt64;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_heads ${on_cluster} TO ${database}.fact_heads
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, profile_id, conversation_id, platform, provider, account_id, correspondent_id,
    received_count, sent_count, auto_sent_count, backfilled_count, first_received_at, last_received_at, last_sent_at,
    if(empty(span_ended_at), toDateTime64(0, 3, 'UTC'), span_ended_at[1]) AS first_replied_at,
    if(empty(span_started_at) OR span_ended_at[-1] != toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), span_started_at[-1]) AS waiting_since,
    CAST(arrayDistinct(arrayMap(
        q -> toYear(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) * 12 + toMonth(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) - 1,
        arrayFilter((q, received) -> received > 0, quarter_at, quarter_received)
    )) AS Array(UInt16)) AS wrote_in,
    months, is_archived, thread_control, thread_at, last_accepted_at, unavailable_at
FROM ${database}.fact_arrivals;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_quarters ${on_cluster} TO ${database}.fact_quarters
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(greatest(intDiv(quarter, 96), 0)) AS day, profile_id, platform, conversation_id,
    quarter, received, sent, auto, backfilled
FROM ${database}.fact_arrivals
ARRAY JOIN
    quarter_at AS quarter, quarter_received AS received, quarter_sent AS sent, quarter_auto AS auto,
    quarter_backfilled AS backfilled;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_spans ${on_cluster} TO ${database}.fact_spans
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(started_at, 'UTC') AS day, profile_id, platform, conversation_id,
    toBool(number = 1) AS is_first, toBool(backfilled_count > 0) AS has_backfill, started_at, ended_at, auto_at
FROM ${database}.fact_arrivals
ARRAY JOIN
    span_started_at AS started_at, span_ended_at AS ended_at, span_auto_at AS auto_at,
    arrayEnumerate(span_started_at) AS number;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_turns ${on_cluster} TO ${database}.fact_turns
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(opened_at, 'UTC') AS day, platform, profile_id, conversation_id, opened_at, next_at, next_is_reply
FROM ${database}.fact_arrivals
ARRAY JOIN
    turn_at AS opened_at, turn_is_reply AS is_reply,
    arrayShiftLeft(turn_at, 1, toDateTime64(0, 3, 'UTC')) AS next_at,
    arrayShiftLeft(turn_is_reply, 1, false) AS next_is_reply
WHERE NOT is_reply;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_outs ${on_cluster} TO ${database}.fact_outs
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(at, 'UTC') AS day, profile_id, platform,
    delivered_at != toDateTime64(0, 3, 'UTC') AS is_delivered,
    read_at != toDateTime64(0, 3, 'UTC') AS is_read,
    if(is_read, dateDiff('millisecond', at, read_at), 0) AS read_ms
FROM ${database}.fact_arrivals
ARRAY JOIN out_at AS at, out_delivered_at AS delivered_at, out_read_at AS read_at;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_delays ${on_cluster} TO ${database}.fact_delays
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(at, 'UTC') AS day, profile_id, platform, delay_ms
FROM ${database}.fact_arrivals
ARRAY JOIN live_at AS at, live_delay_ms AS delay_ms;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_attachments ${on_cluster} TO ${database}.fact_attachments
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(at, 'UTC') AS day, profile_id, platform, direction, type AS attachment_type
FROM ${database}.fact_arrivals
ARRAY JOIN attachment_at AS at, attachment_direction AS direction, attachment_type AS type;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_reactions ${on_cluster} TO ${database}.fact_reactions
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(at, 'UTC') AS day, profile_id, platform, party AS reacted_by, sign AS emoji
FROM ${database}.fact_arrivals
ARRAY JOIN reaction_at AS at, reaction_party AS party, reaction_emoji AS sign;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_places ${on_cluster} TO ${database}.fact_places
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, profile_id, place.month AS month, platform, conversation_id, place.rank AS rank,
    toUInt32(greatest(CRC32(conversation_id), 1)) AS claimant
FROM ${database}.fact_arrivals
ARRAY JOIN months AS place;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.to_fact_sends ${on_cluster} TO ${database}.fact_sends
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    version, toDate(decided_at, 'UTC') AS day, profile_id, platform, conversation_id, command_id, is_auto, outcome, reason,
    message_id, attempt_count, decided_at, accepted_at, attempted_at, sent_at, finished_at
FROM ${database}.fact_arrivals
ARRAY JOIN
    send_command_id AS command_id, send_is_auto AS is_auto, send_outcome AS outcome, send_reason AS reason,
    send_message_id AS message_id, send_attempt_count AS attempt_count, send_decided_at AS decided_at,
    send_accepted_at AS accepted_at, send_attempted_at AS attempted_at, send_sent_at AS sent_at,
    send_finished_at AS finished_at;

-- What was computed before this file, as a version of each conversation. Run again, it makes later
-- versions, and the earlier ones are dead. It takes seconds for each million of events.
INSERT INTO ${database}.fact_versions (profile_id, conversation_id, version, batch)
SELECT profile_id, conversation_id, generateSnowflakeID(), 'migration 0017' FROM ${database}.conversation_facts FINAL;

INSERT INTO ${database}.fact_states (version, state)
SELECT version, 1 FROM ${database}.fact_versions WHERE batch = 'migration 0017';

INSERT INTO ${database}.fact_arrivals
SELECT f.*, v.version AS version
FROM ${database}.conversation_facts AS f FINAL
INNER JOIN
(
    SELECT profile_id, conversation_id, max(version) AS version
    FROM ${database}.fact_versions WHERE batch = 'migration 0017' GROUP BY profile_id, conversation_id
) AS v ON f.profile_id = v.profile_id AND f.conversation_id = v.conversation_id;

INSERT INTO ${database}.fact_states (version, state)
SELECT version, if(version = max(version) OVER (PARTITION BY profile_id, conversation_id), 2, 4)
FROM ${database}.fact_versions;

-- Private: what the views compute by themselves, as computing has not come to it yet.
CREATE OR REPLACE VIEW ${database}.touched_facts ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (profile_id), toLowCardinality(computed.profile_id) AS profile_id, toUInt64(0) AS version
FROM ${database}.computed_facts AS computed
WHERE (computed.profile_id, computed.conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched);

-- Private: the facts as they are now; the second half of each says the same as its table's feeder.
CREATE OR REPLACE VIEW ${database}.live_heads ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_heads
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    profile_id, conversation_id, platform, provider, account_id, correspondent_id,
    received_count, sent_count, auto_sent_count, backfilled_count, first_received_at, last_received_at, last_sent_at,
    if(empty(span_ended_at), toDateTime64(0, 3, 'UTC'), span_ended_at[1]) AS first_replied_at,
    if(empty(span_started_at) OR span_ended_at[-1] != toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), span_started_at[-1]) AS waiting_since,
    CAST(arrayDistinct(arrayMap(
        q -> toYear(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) * 12 + toMonth(fromUnixTimestamp64Milli(toInt64(q) * 900000, 'UTC')) - 1,
        arrayFilter((q, received) -> received > 0, quarter_at, quarter_received)
    )) AS Array(UInt16)) AS wrote_in,
    months, is_archived, thread_control, thread_at, last_accepted_at, unavailable_at
FROM ${database}.touched_facts;

CREATE OR REPLACE VIEW ${database}.live_quarters ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_quarters
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(greatest(intDiv(quarter, 96), 0)) AS day, profile_id, platform, conversation_id,
    quarter, received, sent, auto, backfilled
FROM ${database}.touched_facts
ARRAY JOIN
    quarter_at AS quarter, quarter_received AS received, quarter_sent AS sent, quarter_auto AS auto,
    quarter_backfilled AS backfilled;

CREATE OR REPLACE VIEW ${database}.live_spans ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_spans
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(started_at, 'UTC') AS day, profile_id, platform, conversation_id,
    toBool(number = 1) AS is_first, toBool(backfilled_count > 0) AS has_backfill, started_at, ended_at, auto_at
FROM ${database}.touched_facts
ARRAY JOIN
    span_started_at AS started_at, span_ended_at AS ended_at, span_auto_at AS auto_at,
    arrayEnumerate(span_started_at) AS number;

CREATE OR REPLACE VIEW ${database}.live_turns ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_turns
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(opened_at, 'UTC') AS day, platform, profile_id, conversation_id, opened_at, next_at, next_is_reply
FROM ${database}.touched_facts
ARRAY JOIN
    turn_at AS opened_at, turn_is_reply AS is_reply,
    arrayShiftLeft(turn_at, 1, toDateTime64(0, 3, 'UTC')) AS next_at,
    arrayShiftLeft(turn_is_reply, 1, false) AS next_is_reply
WHERE NOT is_reply;

CREATE OR REPLACE VIEW ${database}.live_outs ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_outs
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(at, 'UTC') AS day, profile_id, platform,
    delivered_at != toDateTime64(0, 3, 'UTC') AS is_delivered,
    read_at != toDateTime64(0, 3, 'UTC') AS is_read,
    if(is_read, dateDiff('millisecond', at, read_at), 0) AS read_ms
FROM ${database}.touched_facts
ARRAY JOIN out_at AS at, out_delivered_at AS delivered_at, out_read_at AS read_at;

CREATE OR REPLACE VIEW ${database}.live_delays ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_delays
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(at, 'UTC') AS day, profile_id, platform, delay_ms
FROM ${database}.touched_facts
ARRAY JOIN live_at AS at, live_delay_ms AS delay_ms;

CREATE OR REPLACE VIEW ${database}.live_attachments ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_attachments
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(at, 'UTC') AS day, profile_id, platform, direction, type AS attachment_type
FROM ${database}.touched_facts
ARRAY JOIN attachment_at AS at, attachment_direction AS direction, attachment_type AS type;

CREATE OR REPLACE VIEW ${database}.live_reactions ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_reactions
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(at, 'UTC') AS day, profile_id, platform, party AS reacted_by, sign AS emoji
FROM ${database}.touched_facts
ARRAY JOIN reaction_at AS at, reaction_party AS party, reaction_emoji AS sign;

CREATE OR REPLACE VIEW ${database}.live_places ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_places
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
-- By itself, as `can_reply` asks for it several times: planning all facts takes 30 ms each.
SELECT DISTINCT
    toLowCardinality(profile_id) AS profile_id, month, platform, conversation_id, rank,
    toUInt32(greatest(CRC32(conversation_id), 1)) AS claimant
FROM ${database}.events FINAL
WHERE kind IN ('conversation.activated', 'send.accepted') AND rank > 0
    AND (profile_id, conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched);

CREATE OR REPLACE VIEW ${database}.live_sends ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT * EXCEPT (version) FROM ${database}.fact_sends
WHERE version NOT IN (SELECT version FROM ${database}.hidden_versions)
UNION ALL
SELECT
    toDate(decided_at, 'UTC') AS day, profile_id, platform, conversation_id, command_id, is_auto, outcome, reason,
    message_id, attempt_count, decided_at, accepted_at, attempted_at, sent_at, finished_at
FROM ${database}.touched_facts
ARRAY JOIN
    send_command_id AS command_id, send_is_auto AS is_auto, send_outcome AS outcome, send_reason AS reason,
    send_message_id AS message_id, send_attempt_count AS attempt_count, send_decided_at AS decided_at,
    send_accepted_at AS accepted_at, send_attempted_at AS attempted_at, send_sent_at AS sent_at,
    send_finished_at AS finished_at;
