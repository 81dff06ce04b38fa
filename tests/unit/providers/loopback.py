"""Small servers on loopback that answer exactly what a test wants, or break as it wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

TRUST = ssl.create_default_context()
"""The system's authorities, read once: that takes 30 ms."""

Behaviour = Callable[["Heard", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """What reached the server."""

    requests: list[bytes] = field(default_factory=list)
    """Whole requests: head and body."""
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def answering(
    status: str = "200 OK", body: bytes = b"{}", headers: dict[str, str] | None = None
) -> Behaviour:
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode()

    async def answer(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            heard.requests.append(await read_request(reader))
            writer.write(head + body)
            await writer.drain()

    return answer


def raw(answer: bytes, *, then_hang: bool = False) -> Behaviour:
    """Reads one request, writes these bytes, and closes (or hangs)."""

    async def behave(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.requests.append(await read_request(reader))
        writer.write(answer)
        await writer.drain()
        if then_hang:
            await reader.read()

    return behave


class Authority:
    """A certificate authority of the test's own, and a server certificate by it."""

    def __init__(self, name: str = "localhost") -> None:
        self.authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(self.server)

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


@asynccontextmanager
async def server(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Heard]:
    heard = Heard()
    open_now: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now[task] = writer
        try:
            await behave(heard, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            del open_now[task]

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    heard.port = listening.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        listening.close()
        for writer in open_now.values():
            writer.transport.abort()  # whoever waits for a request sees the end of it
        await asyncio.gather(*open_now, return_exceptions=True)
