-- For a ClickHouse server of your own: who may read what. The embedded one has no users.
--
-- Run it once as an administrator: clickhouse-client --multiquery < roles.sql
--
-- Analysts read the views and nothing else: these run with the rights of who made them (SQL
-- SECURITY DEFINER), so no grant on the base tables is needed. One thing no grant closes (tried): the
-- function file() in a SELECT list reads what lies in the server's user_files_path. Keep that empty.

CREATE SETTINGS PROFILE IF NOT EXISTS dm_analyst SETTINGS
    readonly = 2 CONST,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST,
    max_execution_time = 60 MAX 300,
    max_memory_usage = 8000000000 MAX 16000000000,
    max_result_rows = 1000000 MAX 10000000,
    max_threads = 4 MAX 8,
    max_concurrent_queries_for_user = 8 CONST;

CREATE QUOTA IF NOT EXISTS dm_analyst
    KEYED BY user_name
    FOR INTERVAL 1 hour MAX queries = 5000, execution_time = 3600;

CREATE ROLE IF NOT EXISTS dm_analyst SETTINGS PROFILE 'dm_analyst';
GRANT SELECT, SHOW ON dm_analytics.* TO dm_analyst;
ALTER QUOTA dm_analyst TO dm_analyst;

-- The history worker: inserts, reads its own marks, and blanks what is erased.
CREATE ROLE IF NOT EXISTS dm_sink;
GRANT SELECT, INSERT, ALTER UPDATE ON dm.* TO dm_sink;
-- It keeps the facts of conversations computed: drops what is done, and deletes what is outdated.
GRANT ALTER DELETE ON dm.* TO dm_sink;
GRANT SELECT ON system.parts TO dm_sink;
-- Questions under way, which it lets go before it shows new facts (sinks/under_way.py).
GRANT SELECT ON system.processes TO dm_sink;
-- Three numbers for its gauges (sinks/standing.py).
GRANT SELECT ON dm_analytics.* TO dm_sink;

-- The gateway: its API reads the views, and the tables that they stand on.
CREATE ROLE IF NOT EXISTS dm_gateway;
GRANT SELECT ON dm.* TO dm_gateway;
GRANT SELECT ON dm_analytics.* TO dm_gateway;

-- `dmstream migrate`, `dmstream up` and `dmstream doctor`.
CREATE ROLE IF NOT EXISTS dm_owner;
GRANT ALL ON dm.* TO dm_owner WITH GRANT OPTION;
GRANT ALL ON dm_analytics.* TO dm_owner WITH GRANT OPTION;
GRANT SET DEFINER ON * TO dm_owner;

-- Then a user for each, for example:
--   CREATE USER ana IDENTIFIED WITH sha256_password BY '...'
--       DEFAULT ROLE dm_analyst SETTINGS PROFILE 'dm_analyst';
--   GRANT dm_analyst TO ana;
--   CREATE USER dm_history IDENTIFIED WITH sha256_password BY '...' DEFAULT ROLE dm_sink;
--   GRANT dm_sink TO dm_history;
