"""An update under traffic: what the version before left and still writes comes in between."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from schemas.topics import EVENTS, WEBHOOKS
from streams import kafka
from streams.partitions import partition_of
from tests.faults.field import Field
from tests.pipeline.golden import Golden

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

ABOUT_SENDS = ("dm.send.", "dm.correspondent.erased", "dm.history.", "dm.autoresponse.")
"""Left out: they belong to commands and requests that were not written here."""


def old_records(golden: Golden) -> list[dict[str, Any]]:
    """Webhooks, and events that came of them, in the order in which they were written."""
    return [
        one
        for one in golden.records()
        if one["topic"] == WEBHOOKS
        or (one["topic"] == EVENTS and not json.loads(one["value"])["type"].startswith(ABOUT_SENDS))
    ]


async def write(field: Field, records: list[dict[str, Any]]) -> None:
    """A few at a time, as a worker of that version would that is not yet replaced."""
    settings = field.running.settings
    producer = kafka.producer(settings)
    await producer.start()
    try:
        for one in records:
            key = one["key"].encode()
            await producer.send_and_wait(
                settings.topic(one["topic"]),
                one["value"].encode(),
                key=key,
                partition=partition_of(key, settings.partitions),
                timestamp_ms=one["timestamp"],
                headers=[(name, value.encode()) for name, value in one["headers"]],
            )
            await asyncio.sleep(0.02)
    finally:
        await producer.stop()


@pytest.mark.parametrize("version", ["first", "sending"])
def test_records_of_an_older_version_in_the_middle_of_traffic_count_once(
    field: Field, version: str
) -> None:
    """Both versions read the same webhooks and tell of the same happenings: the ids are alike, so
    each is once in the archive, and the state is the fold of both versions' events."""
    records = old_records(Golden(version))
    events = [json.loads(one["value"]) for one in records if one["topic"] == EVENTS]
    assert len(events) > 90
    feeding = field.feeding(200, 20)
    field.wait_for_people()
    field.answer(5)
    asyncio.run(write(field, records))
    field.answer(5)
    feeding.result()
    field.drain()
    field.assert_clean()
    settings = field.recorder.settings
    client = field.running.archive()
    found = Counter(
        row[0]
        for row in client.query(
            f"SELECT event_id FROM {settings.clickhouse_database}.events FINAL"
            " WHERE event_id IN {ids:Array(String)}",
            parameters={"ids": [event["id"] for event in events]},
        ).result_rows
    )
    client.close()
    assert found == Counter({event["id"] for event in events})
