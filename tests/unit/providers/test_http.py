"""One exchange with a platform, against real sockets on loopback: what is certain afterwards."""

import asyncio
import gzip

import pytest

from streams.local.processes import free_port
from streams.providers.client import make_client
from streams.providers.http import Answer, NoAnswer, no_answer_error
from streams.providers.protocol import ErrorClass
from tests.unit.providers.loopback import Behaviour, Heard, answering, raw, read_request, server
from tests.unit.providers.posting import against, post


def test_a_refused_connection_wrote_nothing() -> None:
    async def attempt() -> Answer | NoAnswer:
        async with make_client() as client:
            return await post(client, f"http://127.0.0.1:{free_port()}/")

    answer = asyncio.run(attempt())
    assert isinstance(answer, NoAnswer)
    assert not answer.written
    assert no_answer_error(answer, "X").error_class is ErrorClass.TRANSIENT


def test_a_name_that_does_not_resolve_wrote_nothing() -> None:
    async def attempt() -> Answer | NoAnswer:
        async with make_client() as client:
            return await post(client, "http://nowhere.invalid/")

    answer = asyncio.run(attempt())
    assert isinstance(answer, NoAnswer)
    assert not answer.written


def test_waiting_for_a_free_connection_wrote_nothing() -> None:
    async def attempt() -> list[Answer | NoAnswer]:
        async with (
            server(raw(b"", then_hang=True)) as heard,
            make_client(read_seconds=1.0, connections=1, pool_seconds=0.1) as client,
        ):
            url = f"http://{heard.address}/"
            return list(await asyncio.gather(post(client, url), post(client, url)))

    first, second = asyncio.run(attempt())
    assert first == NoAnswer(written=True, what="no answer came in time")
    assert second == NoAnswer(written=False, what="no connection became free in time")


BROKEN = {
    "closed after reading": raw(b""),
    "silent after reading": raw(b"", then_hang=True),
    "half a status line": raw(b"HTTP/1.1 20"),
    "no HTTP at all": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_trouble_after_the_request_was_written_may_have_delivered(name: str) -> None:
    """Invariant 8."""
    answer, heard = against(BROKEN[name])
    assert isinstance(answer, NoAnswer)
    assert answer.written
    assert len(heard.requests) == 1
    assert no_answer_error(answer, "X").error_class is ErrorClass.MAYBE_DELIVERED


def test_a_connection_dropped_before_the_request_was_read_still_may_have_delivered() -> None:
    """From here the two can't be told apart: what we wrote may sit in the other's buffer."""

    async def drop(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    answer, _ = against(drop)
    assert isinstance(answer, NoAnswer)
    assert answer.written


def test_an_answer_that_breaks_off_keeps_its_status_and_is_not_whole() -> None:
    answer, _ = against(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.whole) == (200, False)


def test_an_answer_larger_than_allowed_is_cut_and_not_whole() -> None:
    answer, _ = against(answering(body=b"x" * 100_000))
    assert isinstance(answer, Answer)
    assert len(answer.body) == 4096
    assert not answer.whole


def test_a_server_that_drips_is_given_up_after_the_whole_time() -> None:
    async def drip(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.requests.append(await read_request(reader))
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"a" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    answer, _ = against(drip, seconds=0.5)
    assert answer == NoAnswer(written=True, what="no answer came in time")


def test_a_redirect_is_not_followed() -> None:
    async def attempt() -> tuple[Answer | NoAnswer, Heard]:
        async with server(answering()) as elsewhere:
            location = {"location": f"http://{elsewhere.address}/"}
            async with (
                server(answering("307 Temporary Redirect", headers=location)) as heard,
                make_client() as client,
            ):
                return await post(client, f"http://{heard.address}/"), elsewhere

    answer, elsewhere = asyncio.run(attempt())
    assert isinstance(answer, Answer)
    assert answer.status == 307
    assert elsewhere.requests == []


def test_no_cookie_of_one_account_s_answer_is_in_another_s_request() -> None:
    async def attempt() -> Heard:
        async with (
            server(answering(headers={"set-cookie": "who=alice; path=/"})) as heard,
            make_client() as client,
        ):
            for _ in range(2):
                await post(client, f"http://{heard.address}/")
            return heard

    heard = asyncio.run(attempt())
    assert len(heard.requests) == 2
    assert b"cookie" not in heard.requests[1].lower()


def posted_twice(behave: Behaviour) -> tuple[list[Answer | NoAnswer], Heard, int]:
    """One POST after another through one client; and how many connections they took."""
    connections = 0

    async def counted(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal connections
        connections += 1
        await behave(heard, reader, writer)

    async def attempt() -> tuple[list[Answer | NoAnswer], Heard]:
        async with server(counted) as heard, make_client(read_seconds=1.0) as client:
            return [await post(client, f"http://{heard.address}/") for _ in range(2)], heard

    return *asyncio.run(attempt()), connections


def test_a_connection_is_used_again_once_its_answer_was_read() -> None:
    _, heard, connections = posted_twice(answering())
    assert (len(heard.requests), connections) == (2, 1)


def test_a_connection_whose_answer_was_cut_is_not_used_again() -> None:
    """What is left of the first answer would be read as the second."""
    found, heard, connections = posted_twice(answering(body=b"x" * 1_000_000))
    assert (len(heard.requests), connections) == (2, 2)
    assert all(isinstance(answer, Answer) and answer.status == 200 for answer in found)


def test_a_kept_connection_that_breaks_may_have_delivered_and_nothing_is_repeated() -> None:
    """Invariant 8. Clients like to repeat such a request by themselves."""

    async def once(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.requests.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        heard.requests.append(await read_request(reader))
        writer.transport.abort()

    (first, second), heard, connections = posted_twice(once)
    assert isinstance(first, Answer)
    assert isinstance(second, NoAnswer)
    assert second.written
    assert (len(heard.requests), connections) == (2, 1)


def test_an_answer_with_a_large_header_is_read() -> None:
    """Refused, it would make the outcome of a send unknown."""
    answer, _ = against(answering(headers={"x-business-use-case-usage": "u" * 30_000}))
    assert isinstance(answer, Answer)
    assert len(answer.headers["x-business-use-case-usage"]) == 30_000


def test_a_compressed_answer_is_read_and_cut_where_it_grows_beyond_what_is_allowed() -> None:
    small, _ = against(answering(body=gzip.compress(b"{}"), headers={"content-encoding": "gzip"}))
    assert isinstance(small, Answer)
    assert (small.body, small.whole) == (b"{}", True)
    bomb = gzip.compress(b"x" * 10_000_000)
    large, _ = against(answering(body=bomb, headers={"content-encoding": "gzip"}))
    assert isinstance(large, Answer)
    assert (len(large.body), large.whole) == (4096, False)
