"""The migration files themselves."""

import re

from schemas.events import event_json_schema
from sinks.migrate import Migration, business_defaults, migrations
from sinks.rows import DELIVERY_LOG, EVENT_LOG, EVENTS, FAILURE_LOG
from streams.settings import Settings

VALUES = {"database": "dm", "analytics": "dm_analytics", "on_cluster": "", "replicated": ""}


def test_each_number_is_given_once() -> None:
    """Two files of one number would be applied in the order of their names."""
    numbers = [int(migration.name[:4]) for migration in migrations()]
    assert len(set(numbers)) == len(numbers)
    assert numbers[0] == 1


def test_every_statement_can_be_run_twice() -> None:
    for migration in migrations():
        for statement in migration.statements(VALUES):
            assert re.match(
                r"CREATE TABLE IF NOT EXISTS |CREATE OR REPLACE VIEW "
                r"|CREATE MATERIALIZED VIEW IF NOT EXISTS "
                # These tables keep one row a key, and the same rows come again.
                r"|INSERT INTO dm\.(defaults|erasures|touched|profile_events)\s"
                # A version more of each fact; the latest of them is shown.
                r"|INSERT INTO dm\.fact_(versions|states|arrivals)\b"
                r"|INSERT INTO dm\.events(_other|_copied)?\s"
                # Twice, the granules are as before; no event is lost (0019).
                r"|EXCHANGE TABLES |SELECT sleepEachRow"
                r"|DROP (VIEW|TABLE) IF EXISTS "
                r"|ALTER TABLE \S+\s+(MODIFY SETTING|ADD (PROJECTION|INDEX|COLUMN) IF NOT EXISTS)"
                r"|ALTER TABLE \S+\s+MODIFY QUERY"
                r"|ALTER TABLE \S+ +MATERIALIZE (PROJECTION|INDEX) ",
                statement,
            )


def test_every_table_and_view_takes_a_cluster() -> None:
    values = VALUES | {"on_cluster": "ON CLUSTER c", "replicated": "Replicated"}
    for migration in migrations():
        for statement in migration.statements(values):
            if statement.startswith(("CREATE", "ALTER")):
                assert "ON CLUSTER c" in statement.split("\n", 1)[0]
            if "ENGINE" in statement:
                assert re.search(r"ENGINE = (Replicated(Replacing)?MergeTree|Null)", statement)


def test_the_writer_fills_columns_that_the_tables_have() -> None:
    tables = {
        re.search(r"EXISTS dm\.(\w+)", statement)[1]: statement  # type: ignore[index]
        for migration in migrations()
        for statement in migration.statements(VALUES)
        if statement.startswith("CREATE TABLE")
    }
    for migration in migrations():
        for statement in migration.statements(VALUES):
            altered = re.match(r"ALTER TABLE dm\.(\w+)", statement)
            if altered and altered[1] in tables:
                added = statement.replace("ADD COLUMN IF NOT EXISTS ", "")
                tables[altered[1]] += f"\n{added}"
    for columns in (EVENT_LOG, EVENTS, FAILURE_LOG, DELIVERY_LOG):
        assert len(columns.names) == len(columns.types) == len(set(columns.names))
        for name in columns.names:
            assert re.search(rf"^    {name} ", tables[columns.table], re.MULTILINE), (
                columns.table,
                name,
            )
        assert "non_replicated_deduplication_window = 10000" in tables[columns.table]


def test_every_kind_that_the_views_read_is_in_the_vocabulary() -> None:
    """A kind that is written wrong in SQL would be an empty number, not an error."""
    known = set(re.findall(r"dm\.([a-z_]+\.[a-z_]+)\.v1", str(event_json_schema())))
    read = set()
    for migration in migrations():
        for clause in re.findall(r"kind (?:=|IN) (?:'[a-z_.]+'|\([^)]*\))", migration.text):
            read |= set(re.findall(r"'([a-z_]+\.[a-z_]+)'", clause))
    assert len(read) >= 15
    assert read <= known


def test_a_comment_holds_no_statement_and_a_semicolon_inside_a_line_ends_none() -> None:
    text = "-- one; two;\nSELECT ';x; y', 1;\nSELECT 1;\n\n-- the end\n"
    assert len(list(Migration("x", text).statements({}))) == 2


def test_the_defaults_are_those_of_the_settings() -> None:
    settings = Settings(_env_file=None)
    defaults = business_defaults(
        monthly_limit=settings.monthly_limit,
        month_zone=settings.month_zone,
        business_hours=settings.business_hours,
    )
    for name, value in defaults.items():
        told = f"('{name}', '{value}', 0)"
        assert any(told in migration.text for migration in migrations())
