"""Rows 6 and 7: signed webhooks that a receiver accepts, each on the log with acks=all before it is
answered.

64 senders, each waiting for its answer. What counts is requests per core-second of the measured
process: senders and broker share the two cores with it. After each round the topic must hold as
many records as were answered 200; before timing, keys and bodies are compared with what was sent.
"""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from subprocess import Popen

import uvloop
from rich.progress import Progress

from bench import senders
from bench.harness import Group, Outcome, Sample, Scale, Side, alternate, compared
from bench.processes import (
    broker,
    command,
    peer,
    processor_seconds,
    wait_until_accepting,
    wait_until_listening,
    worker,
)
from bench.senders import SECRET
from schemas.topics import WEBHOOKS, WebhookHeader
from schemas.webhooks import account_reference
from streams import kafka
from streams.local import processes
from streams.log_positions import log_ends
from streams.settings import Settings

PARTITIONS, SENDERS, WARM_UP_SECONDS = 8, 64, 0.7
OURS, FASTAPI = "dmstream", "FastAPI + aiokafka send_and_wait"
GO = "Go net/http + franz-go (under Redpanda Connect; itself not to be built here)"
_MEASURED = "requests per core-second of the process"
_HEADERS = (
    WebhookHeader.PROVIDER, WebhookHeader.RECEIVED_AT, WebhookHeader.DELIVERY_ID,
    WebhookHeader.SHA256,
)  # fmt: skip
_numbers = count()


@contextmanager
def running(settings: Settings, side: str, peers: str) -> Iterator["Popen[bytes]"]:
    secret = {"DM_META_APP_SECRETS": SECRET}
    if side == OURS:
        starting = worker(settings, "gateway", **secret)
    elif side == FASTAPI:
        starting = peer(peers, settings, "fastapi_gateway", **secret)
    else:
        starting = command([str(go_binary(peers))], settings, "go_gateway", **secret)
    with starting as child:
        wait_until_listening(settings.port, child)
        if side == OURS:
            wait_until_accepting(settings.port)
        yield child


def go_binary(peers: str) -> Path:
    """Beside the peers' Python; `make bench` builds it where there is a Go."""
    return Path(peers).parent / "gateway-go"


def prepared(settings: Settings) -> Settings:
    """A topic and a port of its own."""
    own = settings.model_copy(
        update={"topic_prefix": f"g{next(_numbers)}.", "port": processes.free_port()}
    )
    asyncio.run(kafka.ensure_topics(own))
    return own


def round_of(side: str, settings: Settings, peers: str, scale: Scale, _number: int) -> Sample:
    own = prepared(settings)
    url = f"http://127.0.0.1:{own.port}"
    with running(own, side, peers) as child:
        warm = uvloop.run(senders.closed_loop(url, SENDERS, WARM_UP_SECONDS))
        used, started = processor_seconds(child), time.perf_counter()
        seen = uvloop.run(senders.closed_loop(url, SENDERS, scale.load_seconds))
        seconds = time.perf_counter() - started
        used = processor_seconds(child) - used
    answered = warm.statuses + seen.statuses
    kept = sum(asyncio.run(log_ends(own, WEBHOOKS)).values())
    if set(answered) != {200} or kept != answered[200]:
        raise SystemExit(f"{side}: answers {dict(answered)}, {kept} records on the topic")
    return Sample(seen.statuses[200], seconds, used)


def check(side: str, settings: Settings, peers: str) -> None:
    """Key, body, partition and the names of the headers of each record are as they should be."""
    own = prepared(settings)
    sent = senders.bodies()
    with running(own, side, peers):
        url = f"http://127.0.0.1:{own.port}"
        seen = uvloop.run(senders.steadily(url, 500, sent.__getitem__, len(sent), lambda _: None))
    if set(seen.statuses) != {200}:
        raise SystemExit(f"{side} answered {dict(seen.statuses)}")
    wanted = Counter((account_reference("meta", body).encode(), body, _HEADERS) for body in sent)
    found = asyncio.run(_kept(own))
    if found != wanted:
        raise SystemExit(f"{side} put other records on the topic than were sent")


async def _kept(settings: Settings) -> "Counter[tuple[bytes, bytes, tuple[str, ...]]]":
    left = sum((await log_ends(settings, WEBHOOKS)).values())
    reader = kafka.reader(settings, WEBHOOKS)
    found: Counter[tuple[bytes, bytes, tuple[str, ...]]] = Counter()
    await reader.start()
    while left > 0:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            left -= len(records)
            found.update(
                (record.key, record.value, tuple(name for name, _ in record.headers))
                for record in records
            )
    await reader.stop()
    return found


def measure(scale: Scale, peers: str, progress: Progress) -> list[Outcome]:
    names = [OURS, FASTAPI, *([GO] if go_binary(peers).exists() else [])]
    with broker(PARTITIONS) as settings:
        bar = progress.add_task("gateway: the same records?", total=len(names))
        for name in names:
            check(name, settings, peers)
            progress.advance(bar)
        sides = [Side(name, partial(round_of, name, settings, peers, scale)) for name in names]
        samples = alternate(sides, scale.rounds, progress, "gateway")
    what = "gateway: signed webhooks accepted, acks=all"
    goals = {6: (FASTAPI, 3.0), 7: (GO, 0.5)}
    found = [
        compared(row, what, (OURS, name), samples, lambda one: one.per_core_second, _MEASURED, goal)
        for row, (name, goal) in goals.items()
        if name in samples
    ]
    return found if GO in samples else [*found, _not_built(what)]


def _not_built(what: str) -> Outcome:
    why = "it was not built" if shutil.which("go") else "there is no Go on this machine"
    return Outcome(7, what, GO, _MEASURED, "", "", why, "at least 0.5 times", met=None)


GROUP = Group("gateway", (6, 7), measure, quick=True)
