"""What the pages for analysts say, tried: commands, Grafana's panels, generated files."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from clickhouse_connect.driver.client import Client

from sinks import clickhouse
from streams.dashboard import questions
from streams.reporting import dictionary
from streams.simulator.demonstration import plan
from tests.conftest import ClickHouse
from tests.pipeline.simulated_archive import archive_simulation

pytestmark = pytest.mark.pipeline

ROOT = Path(__file__).parents[2]
TOOLS = (ROOT / "docs/tools.md").read_text()
PANELS: list[dict[str, Any]] = json.loads(
    (ROOT / "docs/grafana/dashboards/dmstream.json").read_text()
)["panels"]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def database(embedded_clickhouse: ClickHouse) -> str:
    database = embedded_clickhouse.migrated()
    client = embedded_clickhouse.connect()
    day = plan(seed=2, until=NOW, webhooks=900)
    archive_simulation(client, database, day, NOW, with_sends=True)
    client.close()
    return database


@pytest.fixture(scope="module")
def analyst(embedded_clickhouse: ClickHouse, database: str) -> Client:
    return clickhouse.connect(embedded_clickhouse.read_url, database=f"{database}_analytics")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TOOLS, re.DOTALL)


def here(text: str, embedded: ClickHouse, database: str) -> str:
    port = str(urlsplit(embedded.read_url).port)
    return text.replace("18124", port).replace("dm_analytics", f"{database}_analytics")


@pytest.mark.parametrize("number", range(len(blocks("python"))))
@pytest.mark.filterwarnings("default")
def test_the_python_of_the_page_runs(
    number: int, embedded_clickhouse: ClickHouse, database: str
) -> None:
    names: dict[str, Any] = {}
    exec(here(blocks("python")[number], embedded_clickhouse, database), names)  # noqa: S102 - our page
    found = [names.get(name) for name in ("frame", "table", "rows")]
    answers = [answer for answer in found if answer is not None]
    assert answers
    assert all(len(answer) > 0 for answer in answers)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize("command", blocks("bash"))
def test_the_shell_of_the_page_runs(
    command: str, embedded_clickhouse: ClickHouse, database: str
) -> None:
    text = here(command, embedded_clickhouse, database)
    done = subprocess.run(["bash", "-c", text], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 0


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_of_grafana_answers(panel: dict[str, Any], analyst: Client) -> None:
    sql = panel["targets"][0]["rawSql"]
    profiles = analyst.query("SELECT DISTINCT profile_id FROM messages_daily").result_rows
    names = ",".join(f"'{name}'" for (name,) in profiles)
    sql = sql.replace("${profile:singlequote}", names)
    sql = sql.replace("$__fromTime", "toDateTime(now() - 2592000)").replace("$__toTime", "now()")
    assert "$" not in sql
    answer = analyst.query(sql)
    assert answer.result_rows
    overrides = panel["fieldConfig"]["overrides"]
    units = {
        override["matcher"]["options"].strip("/"): override["properties"][0]["value"]
        for override in overrides
    }
    for name in answer.column_names:
        if name.endswith(("_seconds", "_share", "_at")):
            assert [unit for pattern, unit in units.items() if re.search(pattern, name)], name
    # A table that leaves rows out says so.
    assert ("LIMIT" in sql) == (re.search(r": the \d+ ", panel["title"]) is not None)


def test_each_panel_explains_itself_by_the_dictionary(analyst: Client) -> None:
    texts = {
        text for (text,) in analyst.query("SELECT definition FROM metric_definitions").result_rows
    }
    for panel in PANELS:
        assert panel["description"] in texts, panel["title"]


def test_each_question_of_the_dashboard_has_a_definition(analyst: Client) -> None:
    names = {name for (name,) in analyst.query("SELECT name FROM metric_definitions").result_rows}
    assert {question.metric for question in questions.ALL} <= names


def made(text: str, database: str) -> str:
    return text.replace(f"{database}_analytics", "dm_analytics")


def test_the_metric_page_is_current(embedded_clickhouse: ClickHouse, database: str) -> None:
    """Where this fails: `dmstream dictionary --metrics > docs/metrics.md`."""
    page = dictionary.metrics_page(embedded_clickhouse.connect(), f"{database}_analytics")
    assert made(page, database) == (ROOT / "docs/metrics.md").read_text()


def test_the_dbt_sources_are_current(embedded_clickhouse: ClickHouse, database: str) -> None:
    """Where this fails: `dmstream dictionary --dbt > docs/dbt/sources.yml`."""
    text = dictionary.dbt_sources(embedded_clickhouse.connect(), f"{database}_analytics")
    kept = (ROOT / "docs/dbt/sources.yml").read_text()
    assert made(text, database) == kept
    tables = yaml.safe_load(kept)["sources"][0]["tables"]
    assert len(tables) >= 25
    assert all(column["description"] for table in tables for column in table["columns"])
    assert {table["name"] for table in tables} == set(dictionary.KEYS)


@pytest.mark.parametrize("view", sorted(dictionary.KEYS))
def test_each_view_has_one_row_of_its_key(view: str, analyst: Client) -> None:
    """What dbt's test of the key asks."""
    rows, keys = analyst.query(
        f"SELECT count(), uniqExact({dictionary.KEYS[view]}) FROM {view}"
    ).result_rows[0]
    assert rows == keys
