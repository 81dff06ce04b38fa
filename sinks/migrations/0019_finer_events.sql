-- The same events in shorter granules. What is touched is computed from the events of those
-- conversations: with granules of 8,192 rows a question read 8,192 rows for each of them, FINAL and
-- all (measured: 5 ms a conversation). How long granules are can't be changed of a table, so a table
-- of the same name takes its place.
--
-- Inserts may go on meanwhile. What they add to the old table is copied at the end, by the numbers
-- of its parts; repetitions are one row, as always. A million events takes 3 s (measured), and all
-- of them twice their place on the disk while it lasts. Run again after an end in between it
-- loses nothing; only the granules may be as before.
CREATE TABLE IF NOT EXISTS ${database}.events_other ${on_cluster} AS ${database}.events
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (profile_id, conversation_id, message_id, slot)
SETTINGS
    index_granularity = 512, min_compress_block_size = 16384,
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${database}.events_copied ${on_cluster} (block Int64)
ENGINE = ${replicated}MergeTree ORDER BY block;

INSERT INTO ${database}.events_copied
SELECT max(max_block_number) FROM system.parts
WHERE database = '${database}' AND table = 'events' AND active;

INSERT INTO ${database}.events_other SELECT * FROM ${database}.events;

EXCHANGE TABLES ${database}.events AND ${database}.events_other ${on_cluster};

-- An insert that began before may still be on its way to the old table: none takes that long.
SELECT sleepEachRow(1) FROM numbers(20)
WHERE (SELECT count() FROM ${database}.events_other) > 0
SETTINGS max_block_size = 1;

-- Through `touching`, as any insert: their conversations are computed anew.
INSERT INTO ${database}.events SELECT * FROM ${database}.events_other
WHERE _part IN
(
    SELECT name FROM system.parts
    WHERE database = '${database}' AND table = 'events_other' AND active
        AND max_block_number > (SELECT min(block) FROM ${database}.events_copied)
);

DROP TABLE IF EXISTS ${database}.events_copied ${on_cluster};
DROP TABLE IF EXISTS ${database}.events_other ${on_cluster};
