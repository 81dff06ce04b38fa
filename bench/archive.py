"""How fast records become rows: raw JSON against columns that are ready, over HTTP, on disk.

    python bench/archive.py [--rows 200000] [--url http://127.0.0.1:18123]

Without --url it starts the embedded ClickHouse in a temporary folder. Figures are rows a second,
each row in both tables (`events` and `event_log`); the ratio is what parsing leaves of the rate.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas import data, events
from schemas.envelope import Envelope
from schemas.ids import event_id
from sinks import clickhouse, migrate
from sinks.archive import Archive, LogRecord
from sinks.rows import EVENT_LOG, EVENTS, event_columns
from streams.local import processes

BATCH = 20_000
START = datetime(2026, 11, 1, tzinfo=UTC)


def an_event(number: int, chance: random.Random) -> Envelope:
    """Six of ten are messages; 650 to 800 bytes of JSON, as the pipeline's own are."""
    account, person = f"17841{chance.randrange(500):012d}", f"{chance.randrange(10**15, 10**16)}"
    profile, message = f"profile-{chance.randrange(500)}", f"m_{chance.getrandbits(240):x}"
    at = START + timedelta(milliseconds=chance.randrange(20 * 86_400_000))
    body = {"provider": "meta", "account_id": account, "correspondent_id": person}
    envelope = {
        "source": f"/dmstream/meta/{account}",
        "time": at,
        "receivedat": at + timedelta(milliseconds=chance.randrange(3000)),
        "subject": f"instagram:{account}:{person}",
        "profileid": profile,
        "platform": "instagram",
        "correlationid": uuid.UUID(int=chance.getrandbits(128)).hex,
        "causationid": f"dm.webhooks.v1/3/{number}",
    }
    text = "how much is the blue one, and do you deliver? "[: chance.randrange(10, 46)] * 2
    match chance.randrange(10):
        case 0 | 1 | 2 | 3:
            made = data.Message(**body, message_id=message, text=text)
            name = event_id("meta", account, "message", message)
            return events.MessageReceived(id=name, data=made, **envelope)
        case 4 | 5 | 6:
            made = data.Message(**body, message_id=message, text=text, origin="elsewhere")
            name = event_id("meta", account, "message", message)
            return events.MessageSent(id=name, data=made, **envelope)
        case 7 | 8:
            receipt = data.Receipt(**body, watermark_at=at)
            name = event_id("meta", account, "read", message)
            return events.MessageRead(id=name, data=receipt, **envelope)
        case _:
            reaction = data.Reaction(**body, message_id=message, person_id=person, emoji="❤")
            name = event_id("meta", account, "reaction", message)
            return events.ReactionAdded(id=name, data=reaction, **envelope)


def batches_of(rows: int) -> list[list[LogRecord]]:
    chance = random.Random(1)
    records = []
    for number in range(rows):
        event = an_event(number, chance)
        stamp = int(event.receivedat.timestamp() * 1000)
        value = event.to_json()
        records.append(LogRecord(0, number, stamp, event.profileid.encode(), value, ()))
    return [records[at : at + BATCH] for at in range(0, rows, BATCH)]


@contextmanager
def server(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, server_at(Path(folder)) as (own, _):
        yield own


@contextmanager
def server_at(folder: Path) -> Iterator[tuple[str, str]]:
    """The embedded ClickHouse on a folder: its full and its read-only address."""
    port, read_port = processes.free_port(), processes.free_port()
    child = processes.start(
        [
            sys.executable, "-m", "sinks.embedded", "--data", str(folder / "data"),
            "--port", str(port), "--read-only-port", str(read_port),
        ],
        log_file=folder / "log",
    )  # fmt: skip
    while not processes.is_listening(port):
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{read_port}"
    processes.stop(child)


def measured(name: str, rows: int, seconds: float) -> float:
    print(f"{name:<42} {rows / seconds:>10,.0f} rows/s")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    batches = batches_of(arguments.rows)
    rows = sum(map(len, batches))
    size = sum(len(r.value or b"") for batch in batches for r in batch) // rows
    print(f"{rows:,} events of {size} bytes, batches of {BATCH:,}, {os.cpu_count()} processors")
    with server(arguments.url) as url:
        client = clickhouse.connect(url)
        database = f"bench_{uuid.uuid4().hex[:8]}"
        migrate.apply(client, database=database)

        def archive(log: str) -> Archive:
            return Archive(client, log=log, topic="dm.events.v1", database=database)

        asyncio.run(archive("warm").insert(0, batches[0]))

        started = time.perf_counter()
        for batch in batches:
            event_columns("log", "dm.events.v1", batch)
        measured("JSON to columns, nothing sent", rows, time.perf_counter() - started)

        ready = [event_columns("ready", "dm.events.v1", batch) for batch in batches]
        started = time.perf_counter()
        for number, (logged, happened) in enumerate(ready):
            for columns, cells in ((EVENTS, happened), (EVENT_LOG, logged)):
                client.insert(
                    f"{database}.{columns.table}",
                    cells,
                    column_names=columns.names,
                    column_type_names=columns.types,
                    column_oriented=True,
                    settings={"insert_deduplication_token": f"ready {number}", "async_insert": 0},
                )
        ready_seconds = measured(
            "columns ready, one partition", rows, time.perf_counter() - started
        )
        del ready

        started = time.perf_counter()
        one = archive("one")
        for batch in batches:
            asyncio.run(one.insert(0, batch))
        raw_seconds = measured("raw records, one partition", rows, time.perf_counter() - started)
        print(f"{'ratio, raw to ready':<42} {ready_seconds / raw_seconds:>10.2f}")

        async def side_by_side(partitions: int) -> None:
            several = archive("several")

            async def drain(partition: int) -> None:
                for batch in batches[partition::partitions]:
                    await several.insert(partition, batch)

            await asyncio.gather(*map(drain, range(partitions)))

        started = time.perf_counter()
        asyncio.run(side_by_side(4))
        measured("raw records, four partitions", rows, time.perf_counter() - started)
        client.command(f"DROP DATABASE {database}")
        client.command(f"DROP DATABASE {migrate.analytics_database(database)}")


if __name__ == "__main__":
    main()
