"""Quix Streams with a batching ClickHouse sink, as its documentation makes sinks: a subclass of
`BatchingSink` that writes a partition's batch at each checkpoint.

It gets our function that makes columns of records, and inserts them by clickhouse-connect, column
by column. What it lacks is ours alone: marks, insert tokens, erasure. A checkpoint is every 100,000
records: its default is five seconds, which ends a lot with a wait.
"""

from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch

from schemas.topics import EVENTS
from sinks.rows import EVENT_LOG, LogRecord, event_columns
from sinks.rows import EVENTS as EVENTS_TABLE
from streams.settings import Settings

settings = Settings(_env_file=None)
CHUNK = 50_000


class ClickHouseSink(BatchingSink):
    def setup(self) -> None:
        address = urlsplit(settings.clickhouse_url)
        self._client: Any = clickhouse_connect.get_client(
            host=address.hostname or "", port=address.port or 0, compress=False
        )

    def write(self, batch: SinkBatch) -> None:
        for chunk in batch.iter_chunks(n=CHUNK):
            records = [
                LogRecord(
                    batch.partition, item.offset, item.timestamp, item.key, item.value,
                    item.headers or (),
                )
                for item in chunk
            ]  # fmt: skip
            logged, happened = event_columns("quix", batch.topic, records)
            for columns, cells in ((EVENTS_TABLE, happened), (EVENT_LOG, logged)):
                self._client.insert(
                    f"{settings.clickhouse_database}.{columns.table}",
                    cells,
                    column_names=columns.names,
                    column_type_names=columns.types,
                    column_oriented=True,
                    settings={"async_insert": 0},
                )


def main() -> None:
    app = Application(
        broker_address=settings.kafka,
        consumer_group=settings.topic("quix"),
        auto_offset_reset="earliest",
        commit_every=100_000,
        consumer_extra_config={"session.timeout.ms": 4000, "heartbeat.interval.ms": 1000},
        producer_extra_config={"enable.idempotence": False},
        loglevel="WARNING",
    )
    events = app.topic(settings.topic(EVENTS), value_deserializer="bytes")
    app.dataframe(events).sink(ClickHouseSink())
    app.run()


if __name__ == "__main__":
    main()
