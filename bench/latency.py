"""From a webhook's arrival to its automatic answer on the platform's doorstep, at a steady rate.

    python -m bench.latency [--rate 100] [--seconds 20]

Real gateway, conversations worker, delivery worker and sandbox, embedded broker. New people write
to twenty pages whose automatic answer is on; each is answered once. The clock starts when the
request is about to be written to the gateway and ends when the sandbox has read the request of the
answer. The senders do not wait for each other: a slow answer delays nobody's question.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import aiohttp
import httpx
import orjson
import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.processes import (
    broker,
    processor_seconds_of_all,
    sandbox,
    wait_until_listening,
    wait_until_ready,
    worker,
)
from schemas import data, events
from schemas.base import to_milliseconds
from schemas.commands import ConfigureAutoResponse
from schemas.events import parse_event
from schemas.topics import COMMANDS, EVENTS
from streams import kafka
from streams.agents.outbox import Outbox
from streams.gateway.signatures import sign_meta
from streams.log_positions import log_ends
from streams.sandbox.config import PATHS
from streams.settings import EMBEDDED_PARTITIONS, Settings

PAGES = 20
SECRET = "app-secret"  # noqa: S105 - of this benchmark
GOALS = "goals: p50 under 50 ms, p99 under 250 ms"


@dataclass
class Seen:
    asked: dict[str, float] = field(default_factory=dict)
    """By person: wall clock, ms. The sandbox is on the same machine."""
    statuses: dict[int, int] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    """By process: the share of a core that it took meanwhile."""


def page(number: int) -> str:
    return str(170_000_000_000_000 + number % PAGES)


async def ask(url: str, first: int, count: int, rate: float, *, seen: Seen, progress: Any) -> None:
    """So many webhooks, each at its time, whatever became of the ones before."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        started, asking = time.perf_counter(), []
        for number in range(count):
            wait = started + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            asking.append(asyncio.create_task(_ask(session, url, first + number, seen)))
            progress(number + 1)
        await asyncio.gather(*asking)


async def _ask(session: aiohttp.ClientSession, url: str, number: int, seen: Seen) -> None:
    person, at = str(6_000_000_000_000_000 + number), time.time() * 1000
    item = {
        "sender": {"id": person}, "recipient": {"id": page(number)}, "timestamp": int(at),
        "message": {"mid": f"m_{number:086d}", "text": "Do you have this in blue?"},
    }  # fmt: skip
    entry = {"id": page(number), "time": int(at), "messaging": [item]}
    body = orjson.dumps({"object": "page", "entry": [entry]})
    headers = {"Content-Type": "application/json", **sign_meta(SECRET, body)}
    seen.asked[person] = time.time() * 1000
    async with session.post(url, data=body, headers=headers) as response:
        await response.read()
        seen.statuses[response.status] = seen.statuses.get(response.status, 0) + 1


async def turn_on(settings: Settings) -> None:
    """The automatic answer of each page; its profile is the page, once it was written to."""
    producer = kafka.producer(settings)
    await producer.start()
    outbox = Outbox(producer, partitions=settings.partitions)
    for number in range(PAGES):
        command = ConfigureAutoResponse(
            command_id=f"on-{number}",
            profileid=page(number),
            issued_at=to_milliseconds(datetime.now(UTC)),
            change=data.AutoResponseConfigured(active=True, message="We are on it."),
        )
        outbox.add(
            settings.topic(COMMANDS), page(number).encode(),
            command.model_dump_json(exclude_none=True).encode(),
        )  # fmt: skip
    await outbox.flush()
    await producer.stop()


def answered(address: str) -> dict[str, float]:
    """By person: when the sandbox had the request of their answer, ms."""
    messages = httpx.get(f"{address}/_sandbox/messages", timeout=60).json()
    return {m["correspondent_id"]: m["at_ms"] for m in messages if m["by"] == "account"}


async def way(settings: Settings) -> dict[str, dict[str, float]]:
    """By person: when each step of the way was, ms, as the log tells."""
    left = sum((await log_ends(settings, EVENTS)).values())
    reader, found = kafka.reader(settings, EVENTS), dict[str, dict[str, float]]()
    await reader.start()
    while left > 0:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            left -= len(records)
            for record in records:
                _note(found, record)
    await reader.stop()
    return found


def _note(found: dict[str, dict[str, float]], record: Any) -> None:
    event = parse_event(record.value)
    steps = found.setdefault(getattr(event.data, "correspondent_id", ""), {})
    if isinstance(event, events.MessageReceived):
        steps["received"] = event.receivedat.timestamp() * 1000
        steps["normalised"] = record.timestamp
    elif isinstance(event, events.SendAccepted):
        steps["accepted"] = record.timestamp
    elif isinstance(event, events.SendAttempted):
        steps["attempted"] = event.time.timestamp() * 1000


STEPS = ("received", "normalised", "accepted", "attempted", "sent")


def run(
    rate: float,
    seconds: float,
    warm_up: float,
    console: Console,
    partitions: int = EMBEDDED_PARTITIONS,
) -> list[float]:
    """The whole way of each answer, ms. Ends where one is missing."""
    with broker(partitions) as settings, ExitStack() as stack:
        asyncio.run(kafka.ensure_topics(settings))
        more = {
            "DM_META_APP_SECRETS": SECRET, "DM_X_CONSUMER_SECRETS": SECRET,
            "DM_AYRSHARE_SECRETS": SECRET, "DM_META_APP_IDS": "1000000000000001",
            "DM_MONTHLY_LIMIT": "1000000",
            "DM_CREDENTIAL_META": orjson.dumps({"token": "t"}).decode(),
        }  # fmt: skip
        box = stack.enter_context(sandbox(settings, more))
        more |= {name: box + path for name, path in PATHS.items()}
        for name in ("conversations", "delivery"):
            child = stack.enter_context(worker(settings, name, **more))
            wait_until_ready(settings, name, child, 60)
        gateway = stack.enter_context(worker(settings, "gateway", **more))
        wait_until_listening(settings.port, gateway)
        for number in range(PAGES):
            account = {"provider": "meta", "platform": "facebook", "account_id": page(number)}
            account |= {"token": f"t{number}"}
            httpx.post(f"{box}/_sandbox/accounts", json=account).raise_for_status()
        with Progress(console=console) as progress:
            phases = {"warm-up": warm_up, "webhooks": seconds}
            seen = _drive(settings, box, rate, phases, progress)
        steps = asyncio.run(way(settings))
        return report(seen, answered(box), steps, console)


def _drive(
    settings: Settings, box: str, rate: float, phases: dict[str, float], progress: Progress
) -> Seen:
    url = f"http://127.0.0.1:{settings.port}/webhooks/meta"
    asyncio.run(turn_on(settings))
    first, seen = 0, Seen()
    for name, seconds in phases.items():
        seen, count = Seen(), max(PAGES, int(rate * seconds))
        bar = progress.add_task(name, total=count)

        def moved(done: int, bar: Any = bar) -> None:
            progress.update(bar, completed=done)

        before, started = processor_seconds_of_all(), time.perf_counter()
        uvloop.run(ask(url, first, count, rate, seen=seen, progress=moved))
        took = time.perf_counter() - started
        for part, used in processor_seconds_of_all().items():
            seen.busy[part] = (used - before[part]) / took
        first += count
        wait_for_the_last(box)
    return seen


def wait_for_the_last(box: str, quiet_seconds: float = 4.0) -> None:
    """Until no answer has come for a while."""
    known, since = -1, time.monotonic()
    while time.monotonic() - since < quiet_seconds:
        if (count := len(answered(box))) != known:
            known, since = count, time.monotonic()
        time.sleep(0.5)


def report(
    seen: Seen, sent: dict[str, float], steps: dict[str, dict[str, float]], console: Console
) -> list[float]:
    total = [sent[person] - at for person, at in seen.asked.items() if person in sent]
    console.print(f"{len(seen.asked):,} webhooks, answers {seen.statuses}", highlight=False)
    console.print(f"{len(total):,} were answered by themselves", highlight=False)
    if len(total) < 2:
        raise SystemExit("nobody was answered: see the workers' logs")
    table = Table("step, ms", "p50", "p90", "p99", "most")
    for name, took in [*_between(seen, sent, steps), ("webhook in to request out", total)]:
        cuts = quantiles(took, n=100)
        table.add_row(name, *(f"{value:,.0f}" for value in (cuts[49], cuts[89], cuts[98])),
                      f"{max(took):,.0f}")  # fmt: skip
    console.print(table)
    shares = ", ".join(f"{part} {share:.0%}" for part, share in sorted(seen.busy.items()))
    console.print(f"shares of a core: {shares}", highlight=False)
    console.print(GOALS, highlight=False)
    if len(total) < len(seen.asked):
        raise SystemExit("some were not answered: see the workers' logs")
    return total


def _between(
    seen: Seen, sent: dict[str, float], steps: dict[str, dict[str, float]]
) -> Iterator[tuple[str, list[float]]]:
    whole = [
        {**steps[person], "asked": at, "sent": sent[person]}
        for person, at in seen.asked.items()
        if person in sent and len(steps.get(person, ())) == len(STEPS) - 1
    ]
    before = "asked"
    for name in STEPS:
        yield name, [one[name] - one[before] for one in whole]
        before = name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm-up", type=float, default=4)
    parser.add_argument("--partitions", type=int, default=EMBEDDED_PARTITIONS)
    options = parser.parse_args()
    run(options.rate, options.seconds, options.warm_up, Console(soft_wrap=True), options.partitions)


if __name__ == "__main__":
    main()
