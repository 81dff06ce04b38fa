"""What a lot of webhooks must come to: the core, called in this process, record after record.

Every side is held against it before anything is timed: its events one by one, and its state.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import cache

import orjson
from aiokafka.admin import AIOKafkaAdminClient

from bench.peers.core import Folding, events_of
from bench.webhooks import recent_start, webhooks
from schemas.topics import EVENTS, WEBHOOKS
from streams import kafka
from streams.agents.working_set import WorkingSet
from streams.log_positions import log_ends
from streams.partitions import partition_of
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Expected:
    events: Counter[bytes]
    states: dict[bytes, bytes | None]


@cache
def expected(count: int, partitions: int) -> Expected:
    """Of the first `count` webhooks."""
    core, states, offsets = Folding(), WorkingSet({}), Counter[int]()
    written: Counter[bytes] = Counter()
    for one in webhooks(0, count, recent_start()):
        partition = partition_of(one.page.encode(), partitions)
        origin = f"{WEBHOOKS}/{partition}/{offsets[partition]}"
        offsets[partition] += 1
        for event in events_of(one.headers, one.body, origin):
            written[event.to_json()] += 1
            written.update(made.to_json() for made in core.event(event.to_json(), states))
    return Expected(written, dict(states.changes()))


def check(settings: Settings, side: str, count: int, state_topic: str | None) -> None:
    """Ends the benchmark where a side came to something else. `state_topic` is a whole name; where
    there is none, the side has written its state to a file (bench/peers/plain_loop.py)."""
    wanted = expected(count, settings.partitions)
    events = asyncio.run(_records(settings, settings.topic(EVENTS)))
    found = Counter(value for _, value in events)
    if found != wanted.events:
        more, less = found - wanted.events, wanted.events - found
        raise SystemExit(f"{side} wrote {more.total()} other events, and lacks {less.total()}")
    states = _states(settings, state_topic)
    if states != wanted.states:
        differ = [key for key in wanted.states if states.get(key) != wanted.states[key]]
        raise SystemExit(f"{side} has {len(states)} states, of which {len(differ)} differ")


def _states(settings: Settings, topic: str | None) -> dict[bytes, bytes | None]:
    if topic is None:
        told = orjson.loads((settings.data_dir / settings.topic("state.json")).read_bytes())
        return {bytes.fromhex(key): bytes.fromhex(value) for key, value in told.items()}
    return dict(asyncio.run(_records(settings, topic)))


async def _records(settings: Settings, topic: str) -> list[tuple[bytes, bytes]]:
    """Keys and values; of what names its origin, without this run's prefix."""
    whole_names = settings.model_copy(update={"topic_prefix": ""})
    left = sum((await log_ends(whole_names, topic)).values())
    reader, found = kafka.reader(whole_names, topic), []
    prefix = settings.topic_prefix.encode()
    await reader.start()
    while left > 0:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            left -= len(records)
            for record in records:
                value = (record.value or b"").replace(b'"' + prefix, b'"')
                found.append((_plain_key(record.key), value))
    await reader.stop()
    return found


def _plain_key(key: bytes | None) -> bytes:
    """Quix puts the record's key and a bar before the state's own, which is JSON."""
    head, bar, own = (key or b"").partition(b"|")
    return bytes(orjson.loads(own), "utf-8") if bar and own.startswith(b'"') else head


def quix_changelog(settings: Settings) -> str:
    """The name of its changelog: Quix makes it of group and topic."""
    return asyncio.run(_topic_with(settings, "changelog__"))


async def _topic_with(settings: Settings, beginning: str) -> str:
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    await admin.start()
    try:
        names = await admin.list_topics()
    finally:
        await admin.close()
    found = [n for n in names if n.startswith(beginning) and settings.topic_prefix in n]
    return found[0]
