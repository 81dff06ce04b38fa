"""How long the API's questions take of the archive, for one large profile among others.

    python bench/api_reads.py [--messages 100000] [--others 400000] [--url http://127.0.0.1:18123]

Without --url it starts the embedded ClickHouse in a temporary folder. Prints the median and the
slowest of ten of each question, in milliseconds.
"""

import argparse
import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bench.events import BATCH, batches_of
from bench.processes import clickhouse_at
from schemas import data, events
from schemas.ids import event_id
from sinks import clickhouse, migrate
from sinks.archive import Archive, LogRecord
from sinks.reading import conversations, messages
from sinks.reading.asking import Asking
from streams.api import states
from streams.settings import Settings

PROFILE, ACCOUNT = "the-large-one", "1784100000000000"
PEOPLE = 1_000
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def large_profile(count: int) -> list[LogRecord]:
    """A message a minute, back from now; each person's conversation has a place in the month."""
    made: list[events.Event] = []
    for number in range(count):
        person = f"{number % PEOPLE:016d}"
        common = {
            "source": f"/dmstream/meta/{ACCOUNT}",
            "time": NOW - timedelta(minutes=number),
            "receivedat": NOW - timedelta(minutes=number),
            "subject": f"instagram:{ACCOUNT}:{person}",
            "profileid": PROFILE,
            "platform": "instagram",
        }
        within = {"provider": "meta", "account_id": ACCOUNT, "correspondent_id": person}
        # Instagram's ids of messages are this long.
        message = f"aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE{number:0130d}"
        body = data.Message(**within, message_id=message, text="Do you have this in blue? " * 3)
        kind = events.MessageReceived if number % 2 else events.MessageSent
        name = event_id("meta", ACCOUNT, "message", message)
        made.append(kind(id=name, data=body, **common))
        if number < PEOPLE:
            place = data.ConversationActivated(
                **within, month="2026-11", rank=number + 1, cause_id=name
            )
            made.append(events.ConversationActivated(id=f"a{number}", data=place, **common))
    return [
        LogRecord(1, number, int(event.receivedat.timestamp() * 1000), b"", event.to_json(), ())
        for number, event in enumerate(made)
    ]


async def timed(name: str, ask: Callable[[], Awaitable[object]], repeats: int = 10) -> None:
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - begun) * 1000)
    print(f"{name:<44} {statistics.median(took):>8.0f} ms   slowest {max(took):>6.0f} ms")


async def measure(asking: Asking, count: int) -> None:
    wanted = messages.Wanted(PROFILE, "instagram", archived=False)
    deep = messages.Place(int((NOW - timedelta(minutes=count // 2)).timestamp() * 1000), "", "")
    one = f"instagram:{ACCOUNT}:{7:016d}"
    for limit in (100, 1000):
        await timed(
            f"first page, {limit} messages",
            lambda limit=limit: messages.page(asking, wanted, limit=limit, after=None),
        )
    await timed("a page from the middle, 100", lambda: messages.page(
        asking, wanted, limit=100, after=deep))  # fmt: skip
    await timed("one conversation's page, 100", lambda: messages.page(
        asking, messages.Wanted(PROFILE, "instagram", one), limit=100, after=None))  # fmt: skip
    await timed("conversations, 100", lambda: conversations.page(
        asking, PROFILE, "instagram", archived=False, limit=100,
        as_of=int(NOW.timestamp() * 1000), after=None))  # fmt: skip
    await timed("state of a conversation, folded", lambda: states.conversation(
        asking, PROFILE, one))  # fmt: skip
    await timed("state of the profile, folded", lambda: states.profile(asking, PROFILE, NOW))
    await timed("which conversation an id means", lambda: conversations.meant_by(
        asking, PROFILE, one))  # fmt: skip
    page = await messages.page(asking, wanted, limit=1000, after=None)
    if len(page.rows) != min(1000, count):
        raise SystemExit(f"a page of 1,000 has {len(page.rows)} messages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--others", type=int, default=400_000)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    with clickhouse_at(arguments.url) as url:
        client = clickhouse.connect(url)
        database = f"bench_{uuid.uuid4().hex[:8]}"
        migrate.apply(client, database=database)
        archive = Archive(client, log="bench", topic="dm.events.v1", database=database)
        for batch in batches_of(arguments.others):
            asyncio.run(archive.write(batch))
        mine = large_profile(arguments.messages)
        for at in range(0, len(mine), BATCH):
            asyncio.run(archive.write(mine[at : at + BATCH]))
        asking = Asking(Settings(_env_file=None, clickhouse_url=url, clickhouse_database=database))
        print(f"{arguments.messages:,} messages of one profile, {arguments.others:,} other events")
        asyncio.run(measure(asking, arguments.messages))
        asking.close()
        client.command(f"DROP DATABASE {database}")
        client.command(f"DROP DATABASE {migrate.analytics_database(database)}")


if __name__ == "__main__":
    main()
