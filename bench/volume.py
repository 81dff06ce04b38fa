"""How many bytes a message takes on the log and in the archive: `python -m bench.volume`.

A simulated stretch of days goes through the normaliser into records, through zstd in batches as the
producers pack them, and through the archive's writer into an embedded ClickHouse.
"""

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka.codec import zstd_encode

from bench.processes import clickhouse as embedded_clickhouse
from schemas.webhooks import normalise
from sinks import clickhouse, facts, migrate
from sinks.archive import Archive, LogRecord
from streams.simulator.simulation import APP_ID, Parameters, simulate

PACKED_TOGETHER = 100
"""Records of one request to the broker, at some load."""
INSERTED_TOGETHER = 10_000
TABLES = ("event_log", "events", "conversation_facts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--webhooks", type=int, default=60_000)
    wanted = parser.parse_args().webhooks
    until = datetime(2026, 11, 20, 18, tzinfo=UTC)
    simulation = simulate(Parameters(seed=11, until=until, webhooks=wanted))
    bodies: list[bytes] = []
    records: list[LogRecord] = []
    messages = 0
    for delivery in simulation.deliveries():
        if delivery.expected_status != 200:
            continue
        bodies.append(delivery.body)
        found = normalise(delivery.provider, delivery.body, until, own_app_ids=frozenset({APP_ID}))
        for event in found.events:
            messages += event.type in {"dm.message.received.v1", "dm.message.sent.v1"}
            stamp = int((until + timedelta(milliseconds=len(records))).timestamp() * 1000)
            key, value = event.profileid.encode(), event.to_json()
            records.append(LogRecord(0, len(records), stamp, key, value, ()))
    values = [record.value or b"" for record in records]
    print(f"{len(bodies):,} webhooks, {len(records):,} events, {messages:,} messages")
    print(f"dm.webhooks.v1  {told(bodies, len(bodies))}  a webhook")
    print(f"dm.events.v1    {told(values, len(values))}  an event")
    with tempfile.TemporaryDirectory() as folder, embedded_clickhouse(Path(folder)) as (url, _):
        client = clickhouse.connect(url)
        migrate.apply(client)
        archive = Archive(client, log="volume", topic="dm.events.v1")
        for at in range(0, len(records), INSERTED_TOGETHER):
            asyncio.run(archive.write(records[at : at + INSERTED_TOGETHER]))
        while facts.refresh(client).conversations:
            pass
        for table in TABLES:
            client.command(f"OPTIMIZE TABLE dm.{table} FINAL")
            rows, packed = client.query(
                "SELECT sum(rows), sum(data_compressed_bytes) FROM system.parts WHERE active"
                f" AND database = 'dm' AND table = '{table}'"
            ).result_rows[0]
            print(f"dm.{table:<20} {rows:>8,} rows, {packed / rows:6.0f} bytes each on disk")
        client.close()


def told(values: list[bytes], count: int) -> str:
    plain = sum(map(len, values))
    packed = sum(
        len(zstd_encode(b"".join(values[at : at + PACKED_TOGETHER])))
        for at in range(0, len(values), PACKED_TOGETHER)
    )
    return f"{plain / count:6.0f} bytes, {packed / count:6.0f} by zstd"


if __name__ == "__main__":
    main()
