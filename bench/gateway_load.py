"""How many webhooks one gateway process takes, acks=all, each answered after it is durable.

    python bench/gateway_load.py                          # embedded broker + gateway of its own
    python bench/gateway_load.py --api                    # the REST API beside the webhooks, idle
    python bench/gateway_load.py --url http://127.0.0.1:8080 --pid PID    # something that runs

Prints the rate by the clock and by the gateway's processor time: on a machine that does other
things too, the second is the one to compare. Then counts the records: each 200 must be there.
The senders are closed-loop: each waits for its answer before it sends the next.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httptools
import httpx
import orjson
import uvloop

from schemas.base import Provider
from schemas.topics import WEBHOOKS
from schemas.webhooks import account_reference
from streams.api.app import create_api
from streams.api.resources import make_resources
from streams.gateway.app import Beside
from streams.gateway.server import serve
from streams.gateway.signatures import sign_meta
from streams.kafka import ensure_topics, reader
from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings

SECRET = "app-secret"  # noqa: S105 - of this benchmark
PAGES = 200


def requests(host: str, count: int = 500) -> list[bytes]:
    """Signed messages of Messenger as Meta sends them, about 500 bytes of body each."""
    made = []
    for number in range(count):
        page, at = str(100_000_000_000_000 + number % PAGES), 1_795_357_987_120 + number
        item = {
            "sender": {"id": f"{6_000_000_000_000_000 + number}"},
            "recipient": {"id": page},
            "timestamp": at,
            "message": {"mid": f"m_{number:086d}", "text": "Do you have this in blue? " * 5},
        }
        body = orjson.dumps(
            {"object": "page", "entry": [{"id": page, "time": at, "messaging": [item]}]}
        )
        headers = {
            "Host": host,
            "User-Agent": "facebookexternalua",
            "Accept": "*/*",
            "Content-Type": "application/json",
            **sign_meta(SECRET, body),
            "Content-Length": str(len(body)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        made.append(b"POST /webhooks/meta HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)
    return made


class Sender(asyncio.Protocol):
    """One keep-alive connection; sends until the time is up."""

    def __init__(self, bodies: Iterator[bytes], until: float, seen: "Seen") -> None:
        self._bodies = bodies
        self._until = until
        self._seen = seen
        self._parser: Any = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._seen.statuses[self._parser.get_status_code()] += 1
        self._seen.latencies.append(now - self._sent_at)
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._bodies))


class Seen:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []


async def load(url: str, senders: int, seconds: float) -> Seen:
    parts = urlsplit(url)
    bodies, seen = cycle(requests(parts.netloc)), Seen()
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    connected = [
        await loop.create_connection(
            lambda: Sender(bodies, until, seen), parts.hostname, parts.port
        )
        for _ in range(senders)
    ]
    await asyncio.gather(*(sender.ended for _, sender in connected))
    return seen


def processor_seconds(pid: int) -> float:
    """User and system time that a process has used (/proc/PID/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(seen: Seen, seconds: float, processor: float) -> None:
    total, latencies = sum(seen.statuses.values()), sorted(seen.latencies)

    def percentile(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000

    print(f"answers            {dict(seen.statuses)}")
    print(f"requests/s         {total / seconds:,.0f}")
    print(f"per core-second    {total / processor:,.0f}  (processor {processor / seconds:.0%})")
    print(f"latency ms         p50 {percentile(0.5):.1f}  p99 {percentile(0.99):.1f}")


async def count_records(settings: Settings) -> int:
    consumer = reader(settings, WEBHOOKS)
    await consumer.start()
    counted = 0
    try:
        while fetched := await consumer.getmany(timeout_ms=2000):
            counted += sum(map(len, fetched.values()))
    finally:
        await consumer.stop()
    return counted


def page_of(_: Provider, body: bytes) -> str:
    """The least that any key rule has to do; with --own-reference in place of the contract's."""
    content = orjson.loads(body)
    return str(content["entry"][0]["id"])


@contextmanager
def gateway(settings: Settings, log_file: Path, arguments: list[str]) -> Iterator[int]:
    child = processes.start(
        [sys.executable, __file__, "--serve", *arguments],
        log_file=log_file,
        environment={
            "DM_KAFKA": settings.kafka,
            "DM_PORT": str(settings.port),
            "DM_META_APP_SECRETS": SECRET,
            "DM_EMBEDDED": "true",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    try:
        wait_until_ready(child, f"http://127.0.0.1:{settings.port}/readyz")
        yield child.pid
    finally:
        processes.stop(child)


def wait_until_ready(child: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            if child.poll() is not None:
                break
        time.sleep(0.1)
    raise SystemExit("the gateway did not become ready; see its log")


def measure(url: str, pid: int, senders: int, seconds: float) -> int:
    """The number of 200s, those of the warm-up (connections, caches, metadata) among them."""
    warm_up = uvloop.run(load(url, senders, 0.5))
    processor, started = processor_seconds(pid), time.perf_counter()
    seen = uvloop.run(load(url, senders, seconds))
    report(seen, time.perf_counter() - started, processor_seconds(pid) - processor)
    return warm_up.statuses[200] + seen.statuses[200]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="a gateway that runs; else one is started")
    parser.add_argument("--pid", type=int, help="its process, for the processor time")
    parser.add_argument("--senders", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--own-reference", action="store_true")
    parser.add_argument("--api", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        beside = None
        if options.api:
            resources = make_resources(Settings(_env_file=None))
            beside = Beside(create_api(resources), resources.running)
        reference = page_of if options.own_reference else account_reference
        serve(Settings(_env_file=None), reference=reference, beside=beside)
        return
    if options.url:
        measure(options.url, options.pid or os.getpid(), options.senders, options.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        broker_port = processes.free_port()
        broker = start_broker(broker_port, log_file=Path(folder, "broker.log"))
        settings = Settings(
            _env_file=None,
            kafka=f"127.0.0.1:{broker_port}",
            port=processes.free_port(),
            partitions=options.partitions,
            embedded=True,
        )
        asyncio.run(ensure_topics(settings))
        arguments = ["--own-reference"] if options.own_reference else []
        arguments += ["--api"] if options.api else []
        try:
            with gateway(settings, Path(folder, "gateway.log"), arguments) as pid:
                url = f"http://127.0.0.1:{settings.port}"
                answered = measure(url, pid, options.senders, options.seconds)
            kept = asyncio.run(count_records(settings))
            print(f"records            {kept:,} on the topic, {answered:,} answered 200")
            if kept != answered:
                raise SystemExit("the topic does not hold what was answered 200")
        finally:
            processes.stop(broker, grace_seconds=0)


if __name__ == "__main__":
    main()
