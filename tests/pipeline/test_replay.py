"""`dmstream replay` on real servers: a failure goes back onto its topic as it came."""

import asyncio
import random
from typing import Any

import pytest

from schemas.topics import WEBHOOKS, FailureHeader, WebhookHeader
from sinks.archive import Archive, LogRecord
from sinks.clickhouse import connect
from sinks.failed import Selection
from streams import kafka
from streams.agents.outbox import Outbox
from streams.replaying import Tally, replay
from streams.settings import Settings
from tests.conftest import ClickHouse

pytestmark = pytest.mark.pipeline


def test_a_failure_goes_back_with_its_own_bytes_and_headers(
    settings: Settings, embedded_clickhouse: ClickHouse
) -> None:
    own = settings.model_copy(
        # As a person's shell beside `dmstream up` has it: nothing says that the broker is embedded.
        update={"embedded": False, "clickhouse_database": embedded_clickhouse.migrated()}
    )
    value, delivery = b'{"broken": \xff', b"d\xe9livery" + random.randbytes(4)
    headers = [
        (WebhookHeader.PROVIDER, b"meta"),
        (WebhookHeader.DELIVERY_ID, delivery),
        (FailureHeader.ID, b"f1"),
        (FailureHeader.STAGE, b"normalise"),
        (FailureHeader.REASON, b"unreadable"),
        (FailureHeader.TOPIC, own.topic(WEBHOOKS).encode()),
        (FailureHeader.PARTITION, b"1"),
        (FailureHeader.OFFSET, b"7"),
    ]

    async def put_back() -> tuple[Tally, Any]:
        await kafka.ensure_topics(own)
        client = connect(embedded_clickhouse.url)
        failures = Archive(
            client, log="log", topic="dm.failures.v1", kind="failures",
            database=own.clickhouse_database,
        )  # fmt: skip
        await failures.write([LogRecord(0, 0, 1, b"page", value, headers)])
        known = await kafka.recognised(own)
        producer = kafka.producer(known)
        await producer.start()
        tally = await replay(
            client, known, Selection(ids=["f1"]), Outbox(producer, partitions=own.partitions)
        )
        await producer.stop()
        consumer = kafka.reader(known, WEBHOOKS)
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 20)
        await consumer.stop()
        client.close()
        return tally, record

    tally, record = asyncio.run(put_back())
    assert tally.replayed.total() == 1
    assert (record.key, record.value) == (b"page", value)
    assert list(record.headers) == [
        (WebhookHeader.PROVIDER, b"meta"),
        (WebhookHeader.DELIVERY_ID, delivery),
        (WebhookHeader.REPLAYED_FROM, f"log/{own.topic(WEBHOOKS)}/1/7".encode()),
    ]
