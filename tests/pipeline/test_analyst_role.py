"""What sinks/roles.sql gives an analyst of a server, tried on the engine that knows its grants."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.analyst_role import made_by_the_owner, roles

pytestmark = pytest.mark.pipeline

REFUSED = (
    "SELECT count() FROM dm.events",
    "SELECT count() FROM dm.event_log",
    "INSERT INTO dm.defaults (name, value) VALUES ('monthly_limit', '1')",
    "CREATE TABLE dm_analytics.mine (a UInt8) ENGINE = Memory",
    "CREATE VIEW dm_analytics.mine AS SELECT 1",
    "DROP VIEW dm_analytics.messages",
    "ALTER TABLE dm.events DELETE WHERE 1",
    "TRUNCATE TABLE dm.events",
    "OPTIMIZE TABLE dm.events",
    "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
    "SELECT * FROM file('/etc/hostname', LineAsString, 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x.csv', CSV, 'a String')",
    "INSERT INTO FUNCTION file('/tmp/none.csv', CSV, 'a UInt8') SELECT 1",
    "SELECT * FROM system.users",
    "SET readonly = 0",
    "SET allow_ddl = 1",
    "SET max_execution_time = 301",
    "SELECT 1 SETTINGS max_memory_usage = 16000000001",
    "CREATE USER other IDENTIFIED WITH no_password",
    "GRANT SELECT ON dm.* TO default",
)
ALLOWED = (
    "SELECT count() FROM dm_analytics.messages",
    "SELECT count() FROM dm_analytics.can_reply",
    "SELECT count() FROM dm_analytics.active_conversations",
    "SELECT name FROM dm_analytics.metric_definitions ORDER BY name LIMIT 1",
    "SELECT count() > 0 FROM system.columns WHERE database = 'dm_analytics'",
    "SELECT 1 SETTINGS max_execution_time = 300",
)


def run(folder: Path, who: str, statements: list[str]) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.analyst_role", str(folder), who],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roles")
    made = run(folder, "owner", made_by_the_owner())
    assert [one for one in made if one[0] != "answer"] == []
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    statements = [*ALLOWED, *REFUSED]
    return dict(zip(statements, run(folder, "analyst", statements), strict=True))


@pytest.mark.parametrize("statement", ALLOWED)
def test_an_analyst_reads_the_views(statement: str, told: dict[str, Any]) -> None:
    assert told[statement][0] == "answer", told[statement]


@pytest.mark.parametrize("statement", REFUSED)
def test_an_analyst_is_refused_everything_else(statement: str, told: dict[str, Any]) -> None:
    answer, name = told[statement]
    assert answer == "refused", name
    assert name in {
        "ACCESS_DENIED", "READONLY", "SETTING_CONSTRAINT_VIOLATION", "QUERY_IS_PROHIBITED",
    }  # fmt: skip


def test_every_statement_of_the_file_is_one_that_the_engine_can_parse(folder: Path) -> None:
    """It has no place to keep roles; so this is as far as it goes here."""
    statements = [part.strip() for part in roles().split(";") if part.strip()]
    assert len(statements) > 12
    answers = run(folder, "owner", [f"EXPLAIN AST {statement}" for statement in statements])
    assert [a for a in answers if a[0] != "answer"] == []
