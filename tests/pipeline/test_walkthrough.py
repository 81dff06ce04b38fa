"""The first hour of a new analyst, as docs/walkthrough.md has it, on a simulated day."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client

from streams.simulator.demonstration import plan
from tests.conftest import ClickHouse
from tests.pipeline.simulated_archive import archive_simulation

pytestmark = pytest.mark.pipeline

PAGE = (Path(__file__).parents[2] / "docs/walkthrough.md").read_text()


@pytest.fixture(scope="module")
def client(embedded_clickhouse: ClickHouse, database: str) -> Client:
    client = embedded_clickhouse.connect()
    now = datetime.now(UTC)
    archive_simulation(
        client, database, plan(seed=5, until=now, webhooks=900), now, with_sends=True
    )
    return client


@pytest.fixture(scope="module")
def found(embedded_clickhouse: ClickHouse, database: str, client: Client) -> dict[str, Any]:  # noqa: ARG001 - it fills the archive
    """Every name that the page gives to something, in one notebook."""
    port = str(urlsplit(embedded_clickhouse.read_url).port)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        text = block.replace("18124", port).replace("dm_analytics", f"{database}_analytics")
        exec(text, names)  # noqa: S102 - our page
    return names


@pytest.mark.filterwarnings("default")
def test_every_block_runs_and_every_answer_has_rows(found: dict[str, Any]) -> None:
    tables = ("metrics", "views", "active", "by_month", "first", "waiting", "thread",
              "may_be_answered", "funnel", "refusals", "daily", "hours", "complete")  # fmt: skip
    for name in tables:
        assert len(found[name]) > 0, name


@pytest.mark.filterwarnings("default")
def test_the_answers_are_those_of_the_archive(
    found: dict[str, Any], client: Client, database: str
) -> None:
    views = f"{database}_analytics"

    def ask(sql: str) -> int:
        return int(str(client.command(sql.replace("{views}", views))))

    assert found["by_month"].sum() == ask(
        "SELECT uniqExact(profile_id, conversation_id, month) FROM"
        f" (SELECT profile_id, conversation_id, month FROM {database}.events FINAL"
        " WHERE kind IN ('conversation.activated', 'send.accepted') AND rank > 0)"
    )
    assert found["first"].conversations.sum() == ask(
        "SELECT countIf(received_count > 0 AND backfilled_count = 0) FROM {views}.conversations"
    )
    assert len(found["waiting"]) == ask(
        "SELECT countIf(is_waiting AND NOT is_archived) FROM {views}.conversations"
    )
    assert found["funnel"].asked >= found["funnel"].accepted >= found["funnel"].sent > 0
    assert found["daily"].received.sum() == ask(
        "SELECT countIf(direction = 'in') FROM {views}.messages"
    )
    assert found["hours"].to_numpy().sum() == found["daily"].received.sum()
    assert len(found["messages_per_day"].data) == 2
    assert found["complete"].iloc[:, 2].sum() == 0


def test_the_page_names_no_view_that_is_not_there(found: dict[str, Any]) -> None:
    known = set(found["views"].table)
    assert set(re.findall(r"FROM ([a-z_]+)\b", PAGE)) <= known | {"system"}
