"""`dmstream query` and `dmstream migrate`, as a user runs them."""

import csv
import io
import json

import pytest
import typer
from typer.testing import CliRunner

from streams.cli.migrate import migrate_command
from streams.cli.query import query_command
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline

app = typer.Typer()
app.command("query")(query_command)
app.command("migrate")(migrate_command)


@pytest.fixture
def run(embedded_clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DM_CLICKHOUSE_URL", embedded_clickhouse.url)
    monkeypatch.setenv("DM_CLICKHOUSE_READ_ONLY_URL", embedded_clickhouse.read_url)
    monkeypatch.setenv("DM_CLICKHOUSE_DATABASE", embedded_clickhouse.migrated())
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments, **more: CliRunner().invoke(app, list(arguments), **more)


def test_a_pipe_gets_csv_with_a_header(run) -> None:
    result = run("query", "SELECT 1 AS a, 'x,\"y' AS b, NULL AS c")
    assert result.exit_code == 0
    assert list(csv.reader(io.StringIO(result.stdout))) == [["a", "b", "c"], ["1", 'x,"y', "\\N"]]


def test_json_is_one_object_a_line(run) -> None:
    result = run(
        "query", "SELECT number AS n, toUInt64(1) AS big FROM numbers(2)", "--format", "json"
    )
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"n": 0, "big": 1},
        {"n": 1, "big": 1},
    ]


def test_a_table_shows_brackets_as_they_are(run) -> None:
    result = run("query", "SELECT '[bold]x[/bold]' AS text, 12 AS n", "--format", "table")
    assert "[bold]x[/bold]" in result.stdout
    assert "│ 12 │" in result.stdout or "| 12 |" in result.stdout


def test_the_views_need_no_database_before_them(run) -> None:
    result = run("query", "SELECT name FROM metric_definitions ORDER BY name LIMIT 1")
    assert result.stdout.splitlines()[1] == '"active_conversations"'


def test_a_format_in_the_sql_wins(run) -> None:
    assert run("query", "SELECT 1 AS a FORMAT XML", "--format", "table").stdout.startswith("<?xml")


def test_sql_may_come_from_standard_input(run) -> None:
    assert run("query", "-", input="SELECT 5 AS a").stdout == '"a"\n5\n'


def test_an_error_is_one_sentence_with_the_code(run) -> None:
    for sql, code, words in [
        ("SELEC 1", "62", "Syntax error"),
        ("SELECT * FROM nothing", "60", "nothing"),
        ("DROP TABLE messages", "164", "read-only port"),
        ("SELECT throwIf(number = 2) FROM numbers(3)", "395", "throwIf"),
    ]:
        result = run("query", sql)
        assert (result.exit_code, result.stdout) == (1, "")
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith(f"code {code} ")
        assert words in result.stderr
        assert len(result.stderr) < 400


def test_nobody_there_is_one_sentence(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DM_CLICKHOUSE_READ_ONLY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("DM_CLICKHOUSE_URL", "http://127.0.0.1:1")
    asked, migrated = run("query", "SELECT 1"), run("migrate")
    assert asked.exit_code == migrated.exit_code == 1
    assert "no answer from http://127.0.0.1:1" in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1
    assert len(migrated.stderr.strip().splitlines()) == 1


def test_migrate_tells_what_it_did(run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("migrate").stdout == "nothing to do: the database is up to date\n"
    monkeypatch.setenv("DM_CLICKHOUSE_DATABASE", "made_by_migrate")
    monkeypatch.setenv("DM_MONTHLY_LIMIT", "7")
    assert "applied 0001_base_tables\n" in run("migrate").stdout
    limit = run("query", "SELECT count() AS n FROM conversations")
    assert limit.stdout == '"n"\n0\n'
