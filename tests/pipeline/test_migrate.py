"""Migrations: once each, never changed, and harmless to repeat."""

import threading
import uuid

import pytest
from clickhouse_connect.driver.client import Client

from sinks.migrate import Migration, MigrationError, apply, migrations
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


@pytest.fixture
def database() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def test_what_is_applied_is_not_applied_again(client: Client, database: str) -> None:
    names = [migration.name for migration in migrations()]
    assert apply(client, database=database) == names
    assert apply(client, database=database) == []
    views = client.query(f"SELECT name FROM system.tables WHERE database = '{database}_analytics'")
    assert {"messages", "conversations", "metric_definitions"} <= {
        name for (name,) in views.result_rows
    }


def test_a_changed_file_is_refused_and_nothing_is_done(client: Client, database: str) -> None:
    apply(client, database=database, files=[Migration("0001_a", "SELECT 1;\n")])
    changed = [
        Migration("0001_a", "SELECT 2;\n"),
        Migration("0002_b", "CREATE TABLE ${database}.b (a Int8) ENGINE = Memory;\n"),
    ]
    with pytest.raises(MigrationError, match="0001_a is not the one"):
        apply(client, database=database, files=changed)
    assert client.command(f"EXISTS TABLE {database}.b") == 0


def test_a_newer_database_is_refused(client: Client, database: str) -> None:
    apply(
        client,
        database=database,
        files=[Migration("0001_a", "SELECT 1;\n"), Migration("0002_b", "SELECT 1;\n")],
    )
    with pytest.raises(MigrationError, match=r"0002_b.*newer dmstream"):
        apply(client, database=database, files=[Migration("0001_a", "SELECT 1;\n")])


def test_a_migration_that_failed_half_way_is_taken_up_again(client: Client, database: str) -> None:
    statement = "CREATE TABLE IF NOT EXISTS ${database}.a (a Int8) ENGINE = Memory;\n"
    with pytest.raises(Exception, match="nonsense"):
        apply(
            client, database=database, files=[Migration("0001_a", statement + "SELECT nonsense;\n")]
        )
    assert apply(client, database=database, files=[Migration("0001_a", statement)]) == ["0001_a"]


def test_two_processes_at_once_do_no_harm(
    embedded_clickhouse: ClickHouse, client: Client, database: str
) -> None:
    errors: list[Exception] = []

    def one() -> None:
        try:
            apply(embedded_clickhouse.connect(), database=database)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert apply(client, database=database) == []
    assert client.command(f"SELECT count() FROM {database}.schema_migrations FINAL") == len(
        migrations()
    )


def test_whoever_is_alone_goes_on_after_one_that_died(client: Client, database: str) -> None:
    client.command(f"CREATE DATABASE {database}")
    client.command(f"CREATE TABLE {database}.migrating (nothing UInt8) ENGINE = Memory")
    assert len(apply(client, database=database, alone=True)) == len(migrations())
    assert not client.command(f"EXISTS TABLE {database}.migrating")


def test_later_settings_win_over_the_defaults(client: Client, database: str) -> None:
    apply(client, database=database)
    limit = f"SELECT monthly_limit FROM {database}.default_values"
    assert client.command(limit) == 100
    for value in ("250", "20"):
        apply(client, database=database, defaults={"monthly_limit": value})
        assert client.command(limit) == int(value)


def test_a_name_that_is_no_identifier_is_refused(client: Client) -> None:
    with pytest.raises(MigrationError, match="no name of letters"):
        apply(client, database="dm; DROP DATABASE dm")


def test_roles_are_statements_that_the_engine_can_parse(client: Client) -> None:
    from importlib import resources  # noqa: PLC0415

    text = (resources.files("sinks") / "roles.sql").read_text()
    statements = list(Migration("roles", text).statements({}))
    assert len(statements) > 8
    for statement in statements:
        client.command(f"EXPLAIN AST {statement}")
