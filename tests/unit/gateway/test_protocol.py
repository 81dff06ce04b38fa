"""The bounds of a connection, over real sockets: heads, slow senders, what is no HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import uvicorn

from streams.gateway import answers
from streams.gateway.protocol import LARGEST_HEAD_BYTES, bounded_http

SECONDS = 0.3


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * SECONDS)
    await answers.give(send, answers.answer(200, {"length": len(body)}))


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[int]:
    config = uvicorn.Config(
        echo, port=0, http=bounded_http(SECONDS), ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


def talk(scenario: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(5):
                await scenario(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    asyncio.run(run())


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r")[0])
    return int(head.split()[1]), orjson.loads(await reader.readexactly(length))


def test_a_body_that_stops_arriving_is_408_and_the_connection_ends() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        status, content = await answer_of(reader)
        assert (status, content["reason"]) == (408, "request_timeout")
        assert await reader.read() == b""

    talk(scenario)


def test_a_head_that_stops_arriving_is_408() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nX-A")
        assert (await answer_of(reader))[0] == 408
        assert await reader.read() == b""

    talk(scenario)


def test_dripping_bytes_does_not_buy_time() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
        start = asyncio.get_running_loop().time()
        answer = asyncio.create_task(answer_of(reader))
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert (await answer)[0] == 408
        assert asyncio.get_running_loop().time() - start < 10 * SECONDS

    talk(scenario)


def test_a_connection_that_says_nothing_is_closed() -> None:
    async def scenario(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    talk(scenario)


def test_a_connection_between_two_requests_is_not_hurried() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n")
            await asyncio.sleep(0.02)
            writer.write(b"{}")
            assert await answer_of(reader) == (200, {"length": 2})
            await asyncio.sleep(1.5 * SECONDS)

    talk(scenario)


def test_the_time_is_for_arriving_not_for_being_answered() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{")
        await asyncio.sleep(0.02)
        writer.write(b"}")
        assert await answer_of(reader) == (200, {"length": 2})

    talk(scenario)


def test_a_late_second_request_never_disturbs_the_answer_to_the_first() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\nPOST / HTTP/1.1\r\nHost: h\r\nCont")
        assert await reader.read() == b""  # both end with the connection, neither is garbled

    talk(scenario)


def test_a_head_without_end_is_431() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a line beyond the bound: of a connection that is closed with something unread in it
        # the system takes back what was written, too.
        head, number = b"GET / HTTP/1.1\r\n", 0
        while len(head) <= LARGEST_HEAD_BYTES:
            head += b"X-%d: %s\r\n" % (number, b"y" * 1000)
            number += 1
        for start in range(0, len(head), 4096):
            writer.write(head[start : start + 4096])
            await asyncio.sleep(0.002)
        status, content = await answer_of(reader)
        assert (status, content["reason"]) == (431, "head_too_large")

    talk(scenario)


def test_what_is_no_http_is_400_in_the_shape_of_all_errors() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x01\x02\x00\x01 a TLS greeting\r\n\r\n")
        status, content = await answer_of(reader)
        assert (status, content["reason"], content["code"]) == (400, "invalid_request", 400)

    talk(scenario)


def test_two_lengths_are_refused() -> None:
    """What a proxy in front and we read differently is how requests are smuggled."""

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n{}"
        )
        assert (await answer_of(reader))[0] == 400

    talk(scenario)
