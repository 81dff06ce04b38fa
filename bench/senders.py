"""Signed webhooks over HTTP: as fast as they are answered, or at a steady rate.

Its own few lines on asyncio's protocols, because the sender shares two cores with what it measures:
a request costs it a twentieth of what an HTTP client library takes.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import httptools
import orjson

from streams.gateway.signatures import sign_meta

SECRET = "app-secret"  # noqa: S105 - of this benchmark
PAGES = 200


def body_of(page: str, person: str, mid: str, at_ms: int) -> bytes:
    """A message of Messenger as Meta sends it, about 500 bytes."""
    item = {
        "sender": {"id": person},
        "recipient": {"id": page},
        "timestamp": at_ms,
        "message": {"mid": mid, "text": "Do you have this in blue? " * 5},
    }
    entry = {"id": page, "time": at_ms, "messaging": [item]}
    return orjson.dumps({"object": "page", "entry": [entry]})


def request(host: str, body: bytes) -> bytes:
    headers = {
        "Host": host,
        "User-Agent": "facebookexternalua",
        "Accept": "*/*",
        "Content-Type": "application/json",
        **sign_meta(SECRET, body),
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"POST /webhooks/meta HTTP/1.1\r\n" + head.encode() + b"\r\n" + body


def page_number(number: int) -> str:
    return str(100_000_000_000_000 + number % PAGES)


def bodies(count: int = 500) -> list[bytes]:
    at = 1_795_357_987_120
    return [
        body_of(page_number(number), f"{6_000_000_000_000_000 + number}", f"m_{number:086d}", at)
        for number in range(count)
    ]


class Seen:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()


class Connection(asyncio.Protocol):
    """Keep-alive; one request at a time."""

    def __init__(self, seen: Seen, free: "Callable[[Connection], None]") -> None:
        self._seen = seen
        self._free = free
        self._parser: Any = httptools.HttpResponseParser(self)
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._seen.statuses[self._parser.get_status_code()] += 1
        self._free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set_result(None)

    def send(self, made: bytes) -> None:
        self._transport.write(made)

    def close(self) -> None:
        self._transport.close()


async def closed_loop(url: str, senders: int, seconds: float) -> Seen:
    """Each sender waits for its answer before it sends the next."""
    parts = urlsplit(url)
    made: Iterator[bytes] = cycle([request(parts.netloc, body) for body in bodies()])
    until, seen = time.perf_counter() + seconds, Seen()

    def go_on(connection: Connection) -> None:
        if time.perf_counter() < until:
            connection.send(next(made))
        else:
            connection.close()

    connected = [await _connect(parts, seen, go_on) for _ in range(senders)]
    for connection in connected:
        connection.send(next(made))
    await asyncio.gather(*(connection.ended for connection in connected))
    return seen


async def steadily(
    url: str, rate: float, body_number: Callable[[int], bytes], count: int, progress: Any
) -> Seen:
    """`count` requests, each at its time whatever became of the ones before: a slow answer delays
    nobody. `body_number` is called when the request is about to be written."""
    parts, seen = urlsplit(url), Seen()
    idle: deque[Connection] = deque()
    everyone: list[Connection] = []
    started = time.perf_counter()
    for number in range(count):
        wait = started + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        if not idle:
            everyone.append(await _connect(parts, seen, idle.append))
            idle.append(everyone[-1])
        idle.popleft().send(request(parts.netloc, body_number(number)))
        if number % 100 == 0:
            progress(number)
    while seen.statuses.total() < count:  # noqa: ASYNC110 - a look now and then, at the end
        await asyncio.sleep(0.01)
    for connection in everyone:
        connection.close()
    return seen


async def _connect(parts: Any, seen: Seen, free: Callable[[Connection], None]) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(seen, free), parts.hostname, parts.port
    )
    return connection
