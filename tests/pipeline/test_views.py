"""The read models: equal to a plain Python model, whatever the order and the repetition."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.envelope import Envelope
from sinks.archive import Archive, LogRecord
from tests.pipeline import read_model
from tests.pipeline.histories import histories

pytestmark = pytest.mark.pipeline


def archive_of(client: Client, database: str, log: str) -> Archive:
    return Archive(client, log=log, topic="dm.events.v1", database=database)


def put(client: Client, database: str, batches: list[list[Envelope]]) -> None:
    """Each batch on a log of its own, as after a restart: copies may be anywhere."""
    for batch in batches:
        records = [
            LogRecord(0, offset, 1_700_000_000_000, event.profileid.encode(), event.to_json(), ())
            for offset, event in enumerate(batch)
        ]
        asyncio.run(archive_of(client, database, uuid.uuid4().hex).write(records))


def rows(client: Client, view: str, profile: str, *, with_nulls: bool) -> list[dict[str, Any]]:
    """`with_nulls`: as tools ask that follow standard SQL; the views must not depend on it."""
    result = client.query(
        f"SELECT * FROM {view} WHERE profile_id = {{profile:String}}",
        parameters={"profile": profile},
        settings={"join_use_nulls": int(with_nulls)},
        tz_mode="aware",
    )
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def chosen(row: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(row[name]) for name in expected}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [tuple(item.values()) if isinstance(item, dict) else item for item in value]
    return value


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_order_and_any_repetition_give_the_rows_of_the_model(
    data: st.DataObject, client: Client, database: str
) -> None:
    """Invariant 5, for the read models."""
    profile = uuid.uuid4().hex
    history = data.draw(histories(profile))
    repeated = history + [event for event in history if data.draw(st.booleans())]
    shuffled = data.draw(st.permutations(repeated))
    at = data.draw(st.integers(0, len(shuffled)))
    put(client, database, [batch for batch in (shuffled[:at], shuffled[at:]) if batch])

    with_nulls = data.draw(st.booleans())

    found = rows(client, f"{database}_analytics.messages", profile, with_nulls=with_nulls)
    expected = read_model.messages(history)
    assert {(row["conversation_id"], row["message_id"]) for row in found} == expected.keys()
    for row in found:
        model = expected[row["conversation_id"], row["message_id"]]
        assert chosen(row, model) == model

    told = rows(client, f"{database}_analytics.conversations", profile, with_nulls=with_nulls)
    models = read_model.conversations(history, datetime.now(UTC))
    assert {row["conversation_id"] for row in told} == models.keys()
    for row in told:
        model = models[row["conversation_id"]]
        assert chosen(row, model) == model
