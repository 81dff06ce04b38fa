"""Media for X: our machine opens an address that a caller chose, so it must be a public one."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams import public_addresses
from streams.providers.client import make_client
from streams.providers.http import Answer, NoAnswer, Request, exchange
from streams.providers.protocol import ErrorClass, SendError
from streams.providers.x.media import LARGEST, MediaFetcher, Medium
from streams.providers.x.upload import PIECE_BYTES, Uploader
from tests.unit.providers.loopback import (
    TRUST,
    Authority,
    Behaviour,
    Heard,
    answering,
    raw,
    read_request,
    server,
)

PNG = {"content-type": "image/png; charset=binary"}


def fetch(url: str, *, allow_private: bool = False) -> Medium | SendError:
    async def run() -> Medium | SendError:
        async with make_client(verify=TRUST, read_seconds=1.0) as client:
            return await MediaFetcher(client, allow_private=allow_private).fetch(url)

    return asyncio.run(run())


def fetch_from(behave: Behaviour) -> Medium | SendError:
    async def run() -> Medium | SendError:
        async with server(behave) as heard, make_client(verify=TRUST, read_seconds=1.0) as client:
            fetcher = MediaFetcher(client, allow_private=True)
            return await fetcher.fetch(f"http://{heard.address}/a.png")

    return asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.215.14/a.png",
        "https://127.0.0.1/a.png",
        "https://localhost/a.png",
        "https://10.1.2.3/a.png",
        "https://192.168.0.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/a.png",
        "https://[fd00::1]/a.png",
        "https://[::ffff:127.0.0.1]/a.png",
        "https://[64:ff9b::a00:1]/a.png",
        "https://[2002:a00:1::]/a.png",
        "https://vault.internal/a.png",
        "https://0.0.0.0/a.png",
        "https://224.0.0.1/a.png",
        "https://user:password@cdn.example/a.png",
        "https://cdn.example:8443/a.png",
        "https://cdn.example:99999/a.png",
        "file:///etc/passwd",
        "ftp://cdn.example/a.png",
        "https://",
        "https://[::1",
        "nonsense",
        "https://" + "a" * 300 + ".example/a.png",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url: str) -> None:
    result = fetch(url)
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.BAD_REQUEST


def test_a_name_with_any_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443)),
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    result = fetch("https://rebinding.example/a.png")
    assert isinstance(result, SendError)
    assert result.message == "the media's address is not on the public internet"


def test_the_connection_goes_to_the_checked_address_under_the_name_s_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that resolves differently a moment after the check gains nothing."""
    authority = Authority("media.example")

    async def checked(host: str, port: int) -> str:
        assert (host, port) == ("media.example", 443)
        return "127.0.0.1"

    monkeypatch.setattr(public_addresses, "one_of", checked)

    async def run(name: str | None) -> tuple[Answer | NoAnswer, Heard]:
        async with (
            server(answering(body=b"png", headers=PNG), authority.server) as heard,
            make_client(verify=authority.trusting()) as client,
        ):
            request = await MediaFetcher(client)._request("https://media.example/a.png")
            assert isinstance(request, Request)
            assert request.url == "https://127.0.0.1/a.png"
            there = f"https://{heard.address}/a.png"  # the test's server has no 443
            request = replace(request, url=there, server_name=name or request.server_name)
            return await exchange(client, request), heard

    answer, heard = asyncio.run(run(None))
    assert isinstance(answer, Answer)
    assert b"host: media.example" in heard.requests[0].lower()
    answer, heard = asyncio.run(run("other.example"))
    assert isinstance(answer, NoAnswer)


def test_an_image_comes_with_its_type() -> None:
    assert fetch_from(answering(body=b"png", headers=PNG)) == Medium("image/png", b"png")


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (answering("404 Not Found"), "bad_request"),
        (answering("302 Found", headers={"location": "http://127.0.0.1/"}), "bad_request"),
        (answering(body=b"x", headers={"content-type": "application/pdf"}), "bad_request"),
        (answering(body=b"x" * (LARGEST["image/png"] + 1), headers=PNG), "bad_request"),
        (answering("503 Service Unavailable"), "transient"),
        (raw(b"", then_hang=True), "transient"),
        (raw(b""), "transient"),
    ],
)
def test_trouble_with_the_medium_is_never_maybe_delivered(behave: Behaviour, expected: str) -> None:
    result = fetch_from(behave)
    assert isinstance(result, SendError)
    assert result.error_class == expected


UPLOADED = {"data": {"id": "99", "processing_info": {"state": "succeeded"}}}


def upload(answers: list[tuple[str, Any]]) -> tuple[str | SendError, list[float]]:
    """A video of two pieces, to a server that gives these answers one after another."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def behave(
        heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            heard.requests.append(await read_request(reader))
            status, body = answers.pop(0)
            raw_body = orjson.dumps(body)
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(raw_body)}\r\n\r\n"
            writer.write(head.encode() + raw_body)

    async def run() -> str | SendError:
        async with server(behave) as heard, make_client(verify=TRUST) as client:
            video = Medium("video/mp4", b"v" * (PIECE_BYTES + 1))
            uploader = Uploader(client, f"http://{heard.address}", {}, sleep)
            return await uploader.upload(video)

    return asyncio.run(run()), waits


def processing(state: str, **more: Any) -> tuple[str, Any]:
    return "200", {"data": {"id": "99", "processing_info": {"state": state, **more}}}


BEGUN = [("200", UPLOADED), ("200", {}), ("200", {})]


def test_a_video_is_ready_once_x_has_processed_it() -> None:
    pending = processing("pending", check_after_secs=3)
    result, waits = upload([*BEGUN, pending, processing("in_progress"), processing("succeeded")])
    assert result == "99"
    assert waits == [3.0, 1.0]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([*BEGUN, processing("failed")], "bad_request"),
        ([*BEGUN, *[processing("in_progress", check_after_secs=10)] * 20], "transient"),
        ([("200", {"data": {}})], "bad_request"),
        ([("200", {"data": {"id": "../../x"}})], "bad_request"),
        ([("200", UPLOADED), ("500", {})], "transient"),
        ([("200", UPLOADED), ("200", {}), ("401", {})], "token_invalid"),
        ([("429", {})], "rate_limited"),
    ],
)
def test_trouble_with_an_upload_is_never_maybe_delivered(
    answers: list[tuple[str, Any]], expected: str
) -> None:
    result, waits = upload(answers)
    assert isinstance(result, SendError)
    assert result.error_class == expected
    assert sum(waits) <= 90
