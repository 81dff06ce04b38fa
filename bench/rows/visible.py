"""Row 8: from a webhook in to its row in ClickHouse, at 200 and at 2,000 a second.

Gateway, conversations worker, history worker, embedded broker and ClickHouse, and the sender, on
two cores. The clock starts when the request is about to be written. It ends when a question to
`event_log`, asked every 20 ms, first tells of the offset; the row is in `events` before it is
there. The sender does not wait for answers: a slow one delays nobody.
"""

import asyncio
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import orjson
import uvloop
from rich.progress import Progress

from bench import senders
from bench.harness import Group, Outcome, Scale
from bench.processes import (
    broker,
    clickhouse,
    wait_until_accepting,
    wait_until_listening,
    wait_until_ready,
    worker,
)
from schemas.topics import EVENTS
from sinks.clickhouse import connect
from sinks.migrate import apply
from streams import kafka
from streams.log_positions import log_ends
from streams.settings import EMBEDDED_PARTITIONS, Settings

PARTITIONS = EMBEDDED_PARTITIONS
RATES = {200: 12.0, 2_000: 10.0}
"""Webhooks a second, and for how many seconds."""
WARM_UP_SECONDS = 3.0
PEOPLE = 4_000
GOAL_P50, GOAL_P99 = 0.6, 1.5
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 60.0

Offset = tuple[int, int]
"""Partition, and place in it."""


class Looking(threading.Thread):
    """Notes when which offset could first be read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._client = connect(settings.clickhouse_url)
        self._ending = threading.Event()
        self._marks: dict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))

    def run(self) -> None:
        asked = (
            "SELECT _partition, max(_offset) FROM dm.event_log"
            f" WHERE _topic = '{EVENTS}' GROUP BY _partition"
        )
        while not self._ending.wait(_LOOK_SECONDS):
            rows, now = self._client.query(asked).result_rows, time.time()
            for partition, offset in rows:
                offsets, times = self._marks[partition]
                if not offsets or offset > offsets[-1]:
                    offsets.append(offset)
                    times.append(now)

    def end(self) -> None:
        self._ending.set()
        self.join()

    def seen_at(self, offset: Offset) -> float | None:
        offsets, times = self._marks[offset[0]]
        place = bisect_left(offsets, offset[1])
        return times[place] if place < len(times) else None


async def offsets_by_message(settings: Settings) -> dict[str, Offset]:
    left = sum((await log_ends(settings, EVENTS)).values())
    reader, found = kafka.reader(settings, EVENTS), dict[str, Offset]()
    await reader.start()
    while left > 0:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            left -= len(records)
            for record in records:
                event = orjson.loads(record.value)
                if event["type"] == "dm.message.received.v1":
                    found[event["data"]["message_id"]] = (record.partition, record.offset)
    await reader.stop()
    return found


def seconds_at(
    settings: Settings, rate: float, seconds: float, first: int, bar: object
) -> list[float]:
    """How long each message took, from the request to the row."""
    sent: dict[str, float] = {}

    def body_number(number: int) -> bytes:
        number += first
        mid, person = f"m_{number:086d}", str(6_000_000_000_000_000 + number % PEOPLE)
        sent[mid] = time.time()
        return senders.body_of(senders.page_number(number), person, mid, int(sent[mid] * 1000))

    looking = Looking(settings)
    looking.start()
    try:
        url = f"http://127.0.0.1:{settings.port}"
        seen = uvloop.run(senders.steadily(url, rate, body_number, int(rate * seconds), bar))
        if set(seen.statuses) != {200}:
            raise SystemExit(f"not all were accepted: {dict(seen.statuses)}")
        places = _until_all_are_seen(settings, list(sent), looking)
    finally:
        looking.end()
    return [(looking.seen_at(places[mid]) or 0.0) - at for mid, at in sent.items()]


def _until_all_are_seen(settings: Settings, sent: list[str], looking: Looking) -> dict[str, Offset]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        places = asyncio.run(offsets_by_message(settings))
        times = [looking.seen_at(places[mid]) for mid in sent if mid in places]
        if len(times) == len(sent) and None not in times:
            return places
        if time.monotonic() > deadline:
            raise SystemExit("some messages never came to ClickHouse: see the workers' logs")
        time.sleep(0.5)


def measure(_scale: Scale, _peers: str, progress: Progress) -> list[Outcome]:
    with ExitStack() as stack:
        settings = stack.enter_context(broker(PARTITIONS))
        url, _ = stack.enter_context(clickhouse(Path(settings.data_dir)))
        settings = settings.model_copy(update={"clickhouse_url": url})
        apply(connect(url), database="dm")
        asyncio.run(kafka.ensure_topics(settings))
        for name in ("conversations", "history"):
            child = stack.enter_context(worker(settings, name))
            wait_until_ready(settings, name, child, 60)
        gateway = stack.enter_context(
            worker(settings, "gateway", DM_META_APP_SECRETS=senders.SECRET)
        )
        wait_until_listening(settings.port, gateway)
        wait_until_accepting(settings.port)
        first, found = 0, {}
        phases = [(200, WARM_UP_SECONDS), *RATES.items()]
        for rate, seconds in phases:
            bar = progress.add_task(f"webhook to row, {rate:,} a second", total=rate * seconds)
            found[rate] = seconds_at(
                settings,
                rate,
                seconds,
                first,
                lambda done, bar=bar: progress.update(bar, completed=done),
            )
            progress.update(bar, completed=rate * seconds)
            first += int(rate * seconds)
    return [_outcome({rate: found[rate] for rate in RATES})]


def _outcome(found: dict[int, list[float]]) -> Outcome:
    cuts = {rate: quantiles(took, n=100) for rate, took in found.items()}
    told = [f"{rate:,}/s: p50 {cut[49]:.2f}, p99 {cut[98]:.2f}" for rate, cut in cuts.items()]
    return Outcome(
        row=8,
        what="webhook in to row visible, at 200 and 2,000 a second",
        against="",
        measured="seconds",
        ours="; ".join(told),
        theirs="",
        result="",
        goal=f"p50 under {GOAL_P50}, p99 under {GOAL_P99}",
        met=all(cut[49] < GOAL_P50 and cut[98] < GOAL_P99 for cut in cuts.values()),
    )


GROUP = Group("visible", (8,), measure, quick=False)
