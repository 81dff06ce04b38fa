-- What makes the views fast, and keeps them exact: facts of each conversation, computed once.
--
-- A fact is a function of all events of its conversation, so it is never added to and never
-- corrected: it is computed anew when an event of the conversation comes. `touched` names the
-- conversations that an insert was about since; a view computes those from the events and takes the
-- others from `conversation_facts`. So a number is exact whether or not anybody computed facts
-- lately; only the time to an answer depends on it (sinks/facts.py keeps `touched` short).

-- One row for each insert and conversation. It is filled by the insert into `events` and before the
-- one into `event_log`: a crash between them makes the range come again, and touch again.
CREATE TABLE IF NOT EXISTS ${database}.touched ${on_cluster}
(
    profile_id String,
    conversation_id String
)
ENGINE = ${replicated}MergeTree
ORDER BY (profile_id, conversation_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.touching ${on_cluster} TO ${database}.touched
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT DISTINCT profile_id, conversation_id FROM ${database}.events;

-- What was there before this file: nothing is computed for it yet.
INSERT INTO ${database}.touched SELECT DISTINCT profile_id, conversation_id FROM ${database}.events;

-- One row per conversation under FINAL, the latest computed; events of a profile are the
-- conversation ''. Arrays of one group of names belong together, element by element. 1970 is never.
-- No text and no name of a person is in it: erasure has nothing to do here.
CREATE TABLE IF NOT EXISTS ${database}.conversation_facts ${on_cluster}
(
    profile_id String,
    conversation_id String,
    computed_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    platform LowCardinality(String),
    provider LowCardinality(String) COMMENT 'Of the latest message',
    account_id String,
    correspondent_id String,
    received_count UInt32,
    sent_count UInt32,
    auto_sent_count UInt32,
    backfilled_count UInt32,
    first_received_at DateTime64(3, 'UTC'),
    last_received_at DateTime64(3, 'UTC'),
    last_sent_at DateTime64(3, 'UTC') COMMENT 'Of any origin',
    quarter_at Array(Int32) COMMENT 'Quarters of an hour since 1970 with messages: every zone''s hours and days begin with one',
    quarter_received Array(UInt32) COMMENT 'Messages in it',
    quarter_sent Array(UInt32),
    quarter_auto Array(UInt32),
    quarter_backfilled Array(UInt32),
    turn_at Array(DateTime64(3, 'UTC')) COMMENT 'Messages of the correspondent and of persons of the profile''s side, in order',
    turn_is_reply Array(Bool),
    span_started_at Array(DateTime64(3, 'UTC')) COMMENT 'Times of waiting: the first message after the last reply by a person',
    span_ended_at Array(DateTime64(3, 'UTC')) COMMENT 'The reply by a person',
    span_auto_at Array(DateTime64(3, 'UTC')) COMMENT 'The first auto-response in between',
    out_at Array(DateTime64(3, 'UTC')) COMMENT 'Messages of the profile''s side, in order',
    out_is_auto Array(Bool),
    out_delivered_at Array(DateTime64(3, 'UTC')),
    out_read_at Array(DateTime64(3, 'UTC')),
    live_at Array(DateTime64(3, 'UTC')) COMMENT 'Messages that were not fetched from history',
    live_delay_ms Array(Int64) COMMENT 'From the platform''s time to receipt',
    attachment_at Array(DateTime64(3, 'UTC')) COMMENT 'Attachments of messages that were not deleted',
    attachment_direction Array(LowCardinality(String)),
    attachment_type Array(LowCardinality(String)),
    reaction_at Array(DateTime64(3, 'UTC')) COMMENT 'Reactions that stand',
    reaction_party Array(LowCardinality(String)),
    reaction_emoji Array(LowCardinality(String)),
    months Array(Tuple(month LowCardinality(String), rank UInt32)) COMMENT 'Places taken, each once',
    is_archived Bool,
    thread_control LowCardinality(String) COMMENT 'ours, other, or empty',
    thread_at DateTime64(3, 'UTC') COMMENT 'Of the sign',
    last_accepted_at DateTime64(3, 'UTC'),
    unavailable_at DateTime64(3, 'UTC') COMMENT 'When the platform last said that they can''t be written to',
    send_command_id Array(String) COMMENT 'Commands to send',
    send_is_auto Array(Bool),
    send_outcome Array(LowCardinality(String)),
    send_reason Array(LowCardinality(String)),
    send_message_id Array(String),
    send_attempt_count Array(UInt32),
    send_decided_at Array(DateTime64(3, 'UTC')) COMMENT 'Accepted or rejected',
    send_accepted_at Array(DateTime64(3, 'UTC')),
    send_attempted_at Array(DateTime64(3, 'UTC')),
    send_sent_at Array(DateTime64(3, 'UTC')),
    send_finished_at Array(DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}ReplacingMergeTree(computed_at)
ORDER BY (profile_id, conversation_id)
-- Short granules: a filter by profile and the merge of FINAL read little beyond what they need.
SETTINGS index_granularity = 1024, index_granularity_bytes = 1048576;

-- Private: facts from the events, by one pass over each conversation.
CREATE OR REPLACE VIEW ${database}.computed_facts ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    toDateTime64(0, 3, 'UTC') AS unset,
    toDateTime64('2299-01-01 00:00:00', 3, 'UTC') AS never
SELECT
    profile_id,
    conversation_id,
    now64(6, 'UTC') AS computed_at,
    platform,
    provider,
    account_id,
    correspondent_id,
    toUInt32(length(ins)) AS received_count,
    toUInt32(length(outs)) AS sent_count,
    toUInt32(arrayCount(o -> o.3, outs)) AS auto_sent_count,
    toUInt32(arrayCount(m -> m.4, messages)) AS backfilled_count,
    if(empty(ins), unset, ins[1].1) AS first_received_at,
    if(empty(ins), unset, ins[-1].1) AS last_received_at,
    if(empty(outs), unset, outs[-1].1) AS last_sent_at,
    by_quarter.1 AS quarter_at,
    CAST(by_quarter.2 AS Array(UInt32)) AS quarter_received,
    CAST(by_quarter.3 AS Array(UInt32)) AS quarter_sent,
    CAST(by_quarter.4 AS Array(UInt32)) AS quarter_auto,
    CAST(by_quarter.5 AS Array(UInt32)) AS quarter_backfilled,
    arrayMap(t -> t.1, turns) AS turn_at,
    arrayMap(t -> t.2, turns) AS turn_is_reply,
    starts AS span_started_at,
    -- Runs of both sides alternate and the first is the correspondent's: the nth start has the nth end.
    arrayResize(ends, length(starts), unset) AS span_ended_at,
    arrayMap(
        (start, end) -> nullIf(
            arrayMin(arrayConcat([never], arrayMap(o -> if(o.3 AND o.1 >= start AND (end = unset OR o.1 <= end), o.1, never), outs))),
            never
        ),
        starts,
        span_ended_at
    ) AS span_auto_times,
    arrayMap(at -> ifNull(at, unset), span_auto_times) AS span_auto_at,
    arrayMap(o -> o.1, outs) AS out_at,
    arrayMap(o -> o.3, outs) AS out_is_auto,
    arrayMap(
        o -> arrayMin(arrayConcat([never], arrayMap(r -> if(r.1 = o.6 OR (r.1 = '' AND r.2 >= o.1), r.3, never), delivered))),
        outs
    ) AS delivered_times,
    arrayMap(at -> if(at = never, unset, at), delivered_times) AS out_delivered_at,
    arrayMap(
        o -> arrayMin(arrayConcat([never], arrayMap(r -> if(r.1 = o.6 OR (r.1 = '' AND r.2 >= o.1), r.3, never), read))),
        outs
    ) AS read_times,
    arrayMap(at -> if(at = never, unset, at), read_times) AS out_read_at,
    arrayMap(m -> m.1, live) AS live_at,
    arrayMap(m -> m.5, live) AS live_delay_ms,
    arrayFlatten(arrayMap(
        m -> arrayMap(type -> (m.1, if(m.2, 'out', 'in'), type), JSONExtract(m.7, 'Array(Tuple(type String))').1),
        arrayFilter(m -> m.7 != '' AND NOT has(deleted, m.6), messages)
    )) AS attached,
    arrayMap(a -> a.1, attached) AS attachment_at,
    arrayMap(a -> a.2, attached) AS attachment_direction,
    arrayMap(a -> a.3, attached) AS attachment_type,
    -- The last change of each person and message, if it put a reaction there.
    arrayFilter(
        (change, place) -> NOT change.4
            AND (place = length(changes) OR (changes[place + 1].1, changes[place + 1].2) != (change.1, change.2)),
        changes,
        arrayEnumerate(changes)
    ) AS standing,
    arrayMap(change -> change.3, standing) AS reaction_at,
    arrayMap(change -> change.7, standing) AS reaction_party,
    arrayMap(change -> change.6, standing) AS reaction_emoji,
    CAST(places AS Array(Tuple(month LowCardinality(String), rank UInt32))) AS months,
    is_archived,
    thread_control,
    thread_at,
    last_accepted_at,
    unavailable_at,
    arrayDistinct(arrayMap(s -> s.1, sends)) AS send_command_id,
    -- What is told of each command: (command_id, kind, occurred_at, received_at, event_id, reason, is_auto, message_id).
    arrayMap(command -> arrayFilter(s -> s.1 = command, sends), send_command_id) AS told,
    arrayMap(t -> arrayFilter(s -> s.2 = 'message.sent', t), told) AS told_sent,
    arrayMap(t -> arrayFilter(s -> s.2 = 'send.accepted', t), told) AS told_accepted,
    arrayMap(t -> arrayFilter(s -> s.2 = 'send.attempted', t), told) AS told_attempted,
    -- Refusals and failures by when they were known, the first first; doubts the last first.
    arrayMap(t -> arraySort(s -> (s.4, s.5), arrayFilter(s -> s.2 = 'send.rejected', t)), told) AS told_rejected,
    arrayMap(t -> arraySort(s -> (s.4, s.5), arrayFilter(s -> s.2 = 'send.failed', t)), told) AS told_failed,
    arrayMap(t -> arrayReverseSort(s -> (s.4, s.5), arrayFilter(s -> s.2 = 'send.unknown', t)), told) AS told_unknown,
    arrayMap(t -> arrayExists(s -> s.7, t), told) AS send_is_auto,
    -- An echo proves it, whatever was thought before; then what is final; then what is open.
    arrayMap(
        (sent, rejected, failed, unknown) -> multiIf(
            notEmpty(sent), 'sent', notEmpty(rejected), 'rejected', notEmpty(failed), 'failed', notEmpty(unknown), 'unknown', 'pending'
        ),
        told_sent, told_rejected, told_failed, told_unknown
    ) AS send_outcome,
    arrayMap(
        (sent, rejected, failed, unknown) -> multiIf(
            notEmpty(sent), '', notEmpty(rejected), rejected[1].6, notEmpty(failed), failed[1].6, notEmpty(unknown), unknown[1].6, ''
        ),
        told_sent, told_rejected, told_failed, told_unknown
    ) AS send_reason,
    arrayMap(sent -> arraySort(s -> (s.3, s.5), sent)[1].8, told_sent) AS send_message_id,
    arrayMap(attempted -> toUInt32(length(attempted)), told_attempted) AS send_attempt_count,
    arrayMap(
        (accepted, rejected, t) -> multiIf(
            notEmpty(accepted), arrayMin(s -> s.3, accepted), notEmpty(rejected), arrayMin(s -> s.3, rejected), arrayMin(s -> s.3, t)
        ),
        told_accepted, told_rejected, told
    ) AS send_decided_at,
    arrayMap(accepted -> if(empty(accepted), unset, arrayMin(s -> s.3, accepted)), told_accepted) AS send_accepted_at,
    arrayMap(attempted -> if(empty(attempted), unset, arrayMin(s -> s.3, attempted)), told_attempted) AS send_attempted_at,
    arrayMap(sent -> if(empty(sent), unset, arrayMin(s -> s.3, sent)), told_sent) AS send_sent_at,
    arrayMap(
        (sent, rejected, failed, unknown) -> multiIf(
            notEmpty(sent), arrayMin(s -> s.4, sent), notEmpty(rejected), rejected[1].4, notEmpty(failed), failed[1].4,
            notEmpty(unknown), unknown[1].4, unset
        ),
        told_sent, told_rejected, told_failed, told_unknown
    ) AS send_finished_at
FROM
(
    SELECT
        *,
        arrayFilter(m -> NOT m.2, messages) AS ins,
        arrayFilter(m -> m.2, messages) AS outs,
        arrayFilter(m -> NOT m.4, messages) AS live,
        -- (at, is_reply): at the same instant the reply is the later. Auto-responses answer nobody.
        arrayMap(m -> (m.1, m.2), arrayFilter(m -> NOT m.3, messages)) AS turns,
        arrayMap(t -> t.1, arrayFilter(
            (t, place) -> NOT t.2 AND (place = 1 OR turns[place - 1].2), turns, arrayEnumerate(turns)
        )) AS starts,
        arrayMap(t -> t.1, arrayFilter(
            (t, place) -> t.2 AND place > 1 AND NOT turns[place - 1].2, turns, arrayEnumerate(turns)
        )) AS ends
    FROM
    (
        SELECT
            profile_id,
            conversation_id,
            max(platform) AS platform,
            argMaxIf(provider, (occurred_at, provider), is_message) AS provider,
            max(account_id) AS account_id,
            max(correspondent_id) AS correspondent_id,
            -- (at, is_out, is_auto, is_backfilled, delay_ms, message_id, attachments), in order.
            arraySort(groupArrayIf(
                (occurred_at, kind = 'message.sent', kind = 'message.sent' AND origin = 'auto', is_backfilled,
                    dateDiff('millisecond', occurred_at, received_at), message_id, attachments),
                is_message
            )) AS messages,
            sumMapIf(
                [toInt32(floor(toUnixTimestamp64Milli(occurred_at) / 900000))],
                [toUInt32(kind = 'message.received')], [toUInt32(kind = 'message.sent')],
                [toUInt32(kind = 'message.sent' AND origin = 'auto')], [toUInt32(is_backfilled)],
                is_message
            ) AS by_quarter,
            -- (message_id or empty, up to, told at) of messages of the profile's side.
            groupArrayIf((message_id, watermark_at, occurred_at), kind = 'message.delivered' AND (message_id != '' OR (party = 'correspondent' AND watermark_at > unset))) AS delivered,
            groupArrayIf((message_id, watermark_at, occurred_at), kind = 'message.read' AND (message_id != '' OR (party = 'correspondent' AND watermark_at > unset))) AS read,
            groupUniqArrayIf(message_id, kind = 'message.deleted') AS deleted,
            -- (message_id, person_id, at, is_removal, event_id, emoji, party): at the same instant a removal is the later.
            arraySort(groupArrayIf(
                (message_id, person_id, occurred_at, kind = 'reaction.removed', event_id, if(emoji != '', emoji, JSONExtractString(details, 'name')), toString(party)),
                kind IN ('reaction.added', 'reaction.removed')
            )) AS changes,
            arraySort(groupUniqArrayIf((month, rank), kind IN ('conversation.activated', 'send.accepted') AND rank > 0)) AS places,
            argMaxIf(kind = 'conversation.archived', (occurred_at, event_id), kind IN ('conversation.archived', 'conversation.unarchived')) AS is_archived,
            argMaxIf(control, (occurred_at, event_id), control != '') AS thread_control,
            maxIf(occurred_at, control != '') AS thread_at,
            maxIf(occurred_at, kind = 'send.accepted') AS last_accepted_at,
            maxIf(occurred_at, kind = 'send.failed' AND reason = 'recipient_unavailable') AS unavailable_at,
            arraySort(groupArrayIf(
                (command_id, toString(kind), occurred_at, received_at, event_id, toString(reason), origin = 'auto', message_id),
                command_id != ''
            )) AS sends
        FROM
        (
            SELECT
                *,
                kind IN ('message.received', 'message.sent') AS is_message,
                -- What an event tells of who controls the thread; the latest that tells wins.
                multiIf(
                    platform = 'x', '',
                    kind = 'thread.control_lost' OR is_standby, 'other',
                    kind = 'thread.control_gained', 'ours',
                    kind = 'message.sent' AND command_id != '', 'ours',
                    kind = 'send.failed' AND reason = 'thread_control', 'other',
                    kind = 'message.received' AND provider = 'meta' AND NOT is_backfilled, 'ours',
                    ''
                ) AS control
            FROM ${database}.events FINAL
        )
        GROUP BY profile_id, conversation_id
    )
);

-- Private: the facts as they are now.
CREATE OR REPLACE VIEW ${database}.facts ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id, conversation_id, computed_at, platform, provider, account_id, correspondent_id,
    received_count, sent_count, auto_sent_count, backfilled_count, first_received_at, last_received_at,
    last_sent_at, quarter_at, quarter_received, quarter_sent,
    quarter_auto, quarter_backfilled, turn_at, turn_is_reply, span_started_at, span_ended_at, span_auto_at, out_at,
    out_is_auto, out_delivered_at, out_read_at, live_at, live_delay_ms, attachment_at, attachment_direction,
    attachment_type, reaction_at, reaction_party, reaction_emoji, months, is_archived, thread_control,
    thread_at, last_accepted_at, unavailable_at, send_command_id, send_is_auto, send_outcome, send_reason,
    send_message_id, send_attempt_count, send_decided_at, send_accepted_at, send_attempted_at, send_sent_at,
    send_finished_at
FROM ${database}.conversation_facts FINAL
WHERE (profile_id, conversation_id) NOT IN (SELECT profile_id, conversation_id FROM ${database}.touched)
UNION ALL
SELECT
    profile_id, conversation_id, computed_at, platform, provider, account_id, correspondent_id,
    received_count, sent_count, auto_sent_count, backfilled_count, first_received_at, last_received_at,
    last_sent_at, quarter_at, quarter_received, quarter_sent,
    quarter_auto, quarter_backfilled, turn_at, turn_is_reply, span_started_at, span_ended_at, span_auto_at, out_at,
    out_is_auto, out_delivered_at, out_read_at, live_at, live_delay_ms, attachment_at, attachment_direction,
    attachment_type, reaction_at, reaction_party, reaction_emoji, months, is_archived, thread_control,
    thread_at, last_accepted_at, unavailable_at, send_command_id, send_is_auto, send_outcome, send_reason,
    send_message_id, send_attempt_count, send_decided_at, send_accepted_at, send_attempted_at, send_sent_at,
    send_finished_at
FROM ${database}.computed_facts
WHERE (profile_id, conversation_id) IN (SELECT profile_id, conversation_id FROM ${database}.touched);

-- The archive's log by partition and day, as sets of offsets: a projection is part of the rows it
-- is made of, so it can't say another thing than they do; and a set counts a repetition once.
ALTER TABLE ${database}.event_log ${on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';
ALTER TABLE ${database}.event_log ${on_cluster} ADD PROJECTION IF NOT EXISTS days
(
    SELECT
        _log, _topic, _partition, toDate(logged_at, 'UTC'),
        groupBitmap(_offset), groupBitmapIf(_offset, type = 'unreadable'),
        count(), min(_offset), max(_offset), max(logged_at), max(inserted_at)
    GROUP BY _log, _topic, _partition, toDate(logged_at, 'UTC')
);
ALTER TABLE ${database}.event_log ${on_cluster} MATERIALIZE PROJECTION days SETTINGS mutations_sync = 1;
