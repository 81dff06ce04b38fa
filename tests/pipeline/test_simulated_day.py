"""A simulated day through real processes: the archive says what was meant, message by message."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from sinks import completeness
from streams import kafka
from streams.local import processes
from streams.settings import Settings
from streams.simulator import compare
from streams.simulator.client import Sending, Tally, send
from streams.simulator.intention import Intention
from streams.simulator.sign import Secrets
from streams.simulator.simulation import APP_ID, Parameters, Simulation, simulate
from tests.conftest import ClickHouse
from tests.pipeline.running import SECRETS, Running

pytestmark = pytest.mark.pipeline

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture
def running(
    settings: Settings, embedded_clickhouse: ClickHouse, tmp_path: Path
) -> Iterator[Running]:
    """Topics made, gateway up, no worker yet."""
    own = settings.model_copy(
        update={
            "clickhouse_url": embedded_clickhouse.url,
            "clickhouse_database": embedded_clickhouse.migrated(),
            "port": processes.free_port(),
            "meta_app_ids": (APP_ID,),
        }
    )
    asyncio.run(kafka.ensure_topics(own))
    pipeline = Running(own, tmp_path)
    pipeline.start("gateway")
    yield pipeline
    pipeline.stop()


def feed(running: Running, simulation: Simulation, rate: float | None = None) -> Tally:
    secrets = Secrets(
        {
            "ayrshare": SecretStr(SECRETS["DM_AYRSHARE_SECRETS"]),
            "meta": SecretStr(SECRETS["DM_META_APP_SECRETS"]),
            "x": SecretStr(SECRETS["DM_X_CONSUMER_SECRETS"]),
        }
    )
    sending = Sending(
        url=f"http://127.0.0.1:{running.settings.port}", secrets=secrets, rate=rate
    )
    return asyncio.run(send(simulation.deliveries(), len(simulation), sending))


def differences(intention: Intention, client: Client, database: str) -> list[str]:
    """Everything in which the archive differs from the intention."""
    views = f"{database}_analytics"

    def rows(statement: str) -> list[dict[str, object]]:
        return list(client.query(statement).named_results())

    months = (
        f"SELECT conversation_id, groupUniqArray(month) AS active_months FROM {database}.events"
        " FINAL WHERE kind = 'conversation.activated' GROUP BY conversation_id"
    )
    found = [
        *compare.compare_messages(intention, rows(f"SELECT * FROM {views}.messages")),
        *compare.compare_conversations(
            intention,
            rows(
                f"SELECT c.*, m.active_months AS active_months FROM {views}.conversations AS c"
                f" LEFT JOIN ({months}) AS m USING (conversation_id)"
            ),
        ),
        *compare.compare_active(
            intention,
            {
                (str(row["profile_id"]), str(row["month"])): int(str(row["active_count"]))
                for row in rows(f"SELECT * FROM {views}.active_conversations")
            },
        ),
        *compare.compare_events(
            intention,
            (
                (str(row["kind"]), str(row["event_id"]))
                for row in rows(f"SELECT kind, event_id FROM {database}.events FINAL")
            ),
        ),
        *compare.compare_failures(
            intention,
            (
                (sha256(value).hexdigest(), reason.decode())
                for value, reason in client.query(
                    f"SELECT original_value, reason FROM {views}.failed_events",
                    query_formats={"String": "bytes"},
                ).result_rows
            ),
        ),
    ]
    return [str(difference) for difference in found]


def test_the_archive_says_what_was_meant_message_by_message(running: Running) -> None:
    simulation = simulate(Parameters(seed=11, until=UNTIL, webhooks=3000))
    running.start("conversations")
    running.start("history")
    tally = feed(running, simulation)
    assert not tally.unexpected
    running.settled()
    client = running.archive()
    assert not differences(simulation.intention, client, running.settings.clickhouse_database)
    reports = completeness.check(client, database=running.settings.clickhouse_database)
    assert reports
    assert all(report.is_complete for report in reports)
    client.close()
    assert set(running.stop().values()) == {0}
