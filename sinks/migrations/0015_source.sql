-- Who told of it: with it an event can be made again from its row alone, where the record was lost
-- before it came to event_log (sinks/unlogged.py). Empty on rows from before this migration.

ALTER TABLE ${database}.events ${on_cluster}
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) COMMENT 'CloudEvents source: /dmstream/<provider or part>/<account>';
