"""What an earlier version wrote, put back into today's servers.

`tests/fixtures/golden/<version>/` holds, as JSON lines: the records of every topic in their order
(`log.jsonl`), the private tables of the archive (`<table>.jsonl`), what that version's own views
answered (`messages.jsonl`, `sends.jsonl`), and `about.json`: committed offsets and the checksums of
the migrations it had applied.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from clickhouse_connect.driver.client import Client

from schemas.topics import Topic
from sinks import migrate
from streams import kafka
from streams.settings import Settings

FOLDER = Path(__file__).parents[1] / "fixtures" / "golden"


@dataclass(frozen=True)
class Golden:
    version: str

    @property
    def about(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((FOLDER / self.version / "about.json").read_text())
        return found

    @property
    def partitions(self) -> int:
        return int(self.about["partitions"])

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw(name).splitlines()]

    def raw(self, name: str) -> bytes:
        return (FOLDER / self.version / f"{name}.jsonl").read_bytes()

    def records(self) -> Iterator[dict[str, Any]]:
        """Of all topics but those of Faust's own that hold nothing."""
        return (one for one in self.rows("log") if "__assignor" not in one["topic"])

    def migrations(self) -> list[migrate.Migration]:
        """Those that this version had."""
        return [one for one in migrate.migrations() if one.name in self.about["migrations"]]


def put_log_back(golden: Golden, settings: Settings, *groups: str) -> None:
    """Topics of today and the changelogs of then, each record at its offset; and how far each of
    these groups had come."""
    asyncio.run(_put_log_back(golden, settings, groups))


async def _put_log_back(golden: Golden, settings: Settings, groups: tuple[str, ...]) -> None:
    await kafka.ensure_topics(settings)
    changelogs = {one["topic"] for one in golden.records() if one["topic"].endswith("-changelog")}
    compacted = {"cleanup.policy": "compact"}
    made = tuple(Topic(name, "state", "as then", compacted) for name in sorted(changelogs))
    await kafka.ensure_topics(settings, made)
    producer = kafka.producer(settings)
    await producer.start()
    try:
        for one in golden.records():
            kept = await producer.send_and_wait(
                settings.topic(one["topic"]),
                _bytes(one["value"]),
                key=_bytes(one["key"]),
                partition=one["partition"],
                timestamp_ms=one["timestamp"],
                headers=[(name, _bytes(value) or b"") for name, value in one["headers"]],
            )
            assert kept.offset == one["offset"], one["topic"]
    finally:
        await producer.stop()
    for group in groups:
        await _commit(settings, group, golden.about["committed"][group])


async def _commit(settings: Settings, group: str, offsets: list[tuple[str, int, int]]) -> None:
    consumer = AIOKafkaConsumer(
        **kafka.connection(settings), group_id=settings.topic(group), enable_auto_commit=False
    )
    await consumer.start()
    try:
        reached = {
            TopicPartition(settings.topic(topic), number): OffsetAndMetadata(offset, "")
            for topic, number, offset in offsets
        }
        consumer.assign(list(reached))
        if reached:
            await consumer.commit(reached)
    finally:
        await consumer.stop()


def put_archive_back(golden: Golden, client: Client, *, database: str, log: str) -> None:
    """The tables as that version had them: its migrations alone, then its rows. `log`: the broker's
    id of today, which in an upgrade would be the same as then."""
    migrate.apply(client, database=database, files=golden.migrations())
    for table, count in golden.about["rows"].items():
        if count:
            client.raw_insert(
                f"{database}.{table}",
                insert_block=golden.raw(table).replace(b"{log}", log.encode()),
                fmt="JSONEachRow",
                settings={"async_insert": 0},
            )


def _bytes(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return str(value).encode()
