"""A connection to the gateway without a socket, and whole deliveries to send on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from streams.gateway.app import Gateway
from streams.gateway.direct import DirectHttp, direct_http
from streams.gateway.signatures import sign_meta
from tests.unit.gateway.calls import SECRETS, RecordingPublisher, gateway


def delivery(body: bytes, *more: bytes) -> bytes:
    [(name, value)] = sign_meta(SECRETS["meta"], body).items()
    fields = [b"Host: h", b"%b: %b" % (name.encode(), value.encode()), *more]
    if not any(field.startswith(b"Transfer-Encoding") for field in fields):
        fields.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([b"POST /webhooks/meta HTTP/1.1", *fields, b"", body])
    return b"\r\n".join(
        [b"POST /webhooks/meta HTTP/1.1", *fields, b"", b"%x" % len(body), body, b"0", b"", b""]
    )


@dataclass
class Line(asyncio.Transport):
    """A connection without a socket: what is written is parsed as its peer would."""

    protocol: DirectHttp
    statuses: list[int] = field(default_factory=list)
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    """The headers of all answers."""
    closed: bool = False

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.protocol.connection_made(self)

    def write(self, data: Any) -> None:
        assert not self.closed
        self._parser.feed_data(bytes(data))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.statuses.append(self._parser.get_status_code())

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)


@dataclass
class Counted:
    """The app, and how many requests came to it by ASGI."""

    app: Gateway
    count: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        await self.app(scope, receive, send)


@dataclass
class Bench:
    publisher: RecordingPublisher
    line: Line
    asgi: Counted
    state: ServerState

    async def answered(self, count: int) -> list[int]:
        async with asyncio.timeout(5):
            while len(self.line.statuses) < count:  # noqa: ASYNC110 - a transport has no event
                await asyncio.sleep(0)
        return self.line.statuses

    @property
    def kept(self) -> list[bytes]:
        return [value for _, value, _ in self.publisher.kept]


@contextlib.asynccontextmanager
async def a_line(app: Gateway, publisher: RecordingPublisher) -> AsyncIterator[Bench]:
    asgi, state = Counted(app), ServerState()
    http = direct_http(5.0, app.deliveries_at)
    config = uvicorn.Config(asgi, http=http, ws="none", lifespan="off", log_config=None)
    config.load()
    line = Line(http(config=config, server_state=state, app_state={}))
    yield Bench(publisher, line, asgi, state)
    line.protocol.connection_lost(None)
    if state.tasks:
        await asyncio.wait(state.tasks)


def on_a_line(scenario: Callable[[Bench], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        publisher = RecordingPublisher()
        async with a_line(gateway(publisher, **settings), publisher) as bench:
            await scenario(bench)

    asyncio.run(run())
