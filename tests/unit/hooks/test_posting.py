"""The request to a subscriber: an address that a stranger chose."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams import public_addresses
from streams.hooks import posting
from streams.hooks.posting import Poster, Reply

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def post_to(
    serve: Serve, *, allow: bool = True, host: str = "127.0.0.1", seconds: float = 2
) -> Reply:
    async def run() -> Reply:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"{}")
                await serve(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        poster = Poster(seconds=seconds, allow_private=allow)
        try:
            return await poster.post(f"http://{host}:{port}/", b"{}", {"webhook-id": "e"})
        finally:
            await poster.close()
            server.close()

    return asyncio.run(run())


async def ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


def test_a_2xx_is_taken() -> None:
    reply = post_to(ok)
    assert (reply.status, reply.is_taken, reply.error) == (204, True, "")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"]
)
def test_an_address_of_our_own_network_is_not_connected_to(host: str) -> None:
    reply = post_to(ok, allow=False, host=host)
    assert reply.status is None
    assert "public internet" in reply.error


def test_a_name_that_resolves_to_another_address_a_moment_later_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the name was public when it was registered; what counts is the connection."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def turning(*_: Any) -> list[str]:
        return answers.pop(0)

    monkeypatch.setattr(public_addresses, "addresses_of", turning)
    monkeypatch.setattr(posting, "addresses_of", turning)
    url = "https://rebind.example.com/"
    assert asyncio.run(public_addresses.why_not(url, frozenset({"https"}))) is None
    reply = post_to(ok, allow=False, host="rebind.example.com")
    assert reply.status is None
    assert "public internet" in reply.error


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def both(*_: Any) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    monkeypatch.setattr(posting, "addresses_of", both)
    assert "public internet" in post_to(ok, allow=False, host="both.example.com").error


@pytest.mark.parametrize(
    "address", ["64:ff9b::7f00:1", "::ffff:10.0.0.1", "2002:7f00:1::", "fd00::1"]
)
def test_an_address_that_carries_a_private_one_is_private(address: str) -> None:
    assert not public_addresses.is_public(address)


def test_a_receiver_that_drips_or_says_nothing_is_cut_in_time() -> None:
    async def silent(*_: Any) -> None:
        await asyncio.sleep(30)

    async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _number in range(300):
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.1)

    for serve in (silent, dripping):
        began = time.monotonic()
        reply = post_to(serve, seconds=0.5)
        assert reply.status is None
        assert time.monotonic() - began < 3


def test_no_more_of_the_answer_is_read_than_the_limit() -> None:
    written = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    reply = post_to(endless)
    assert reply.is_taken
    assert written < 16 * 1024 * 1024


def test_a_status_counts_though_its_body_never_comes() -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
        await writer.drain()
        await asyncio.sleep(30)

    assert post_to(half, seconds=0.5).is_taken


def test_a_redirect_is_an_answer_and_retry_after_is_heard() -> None:
    async def moved(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nretry-after: 7\r\n"
            b"content-length: 0\r\n\r\n"
        )
        await writer.drain()

    reply = post_to(moved)
    assert (reply.status, reply.is_taken, reply.retry_after) == (302, False, 7.0)


def test_nobody_there_is_no_connection() -> None:
    async def run() -> Reply:
        poster = Poster(seconds=2, allow_private=True)
        try:
            return await poster.post("http://127.0.0.1:1/", b"{}", {})
        finally:
            await poster.close()

    assert asyncio.run(run()).error.startswith("no connection")
