"""What no client would send: refused, in one shape, and never on Kafka."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.api.bounds import LARGEST_BODY_BYTES
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, commands_written, reason, serving

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(
        broker, embedded_clickhouse, tmp_path_factory.mktemp("input"), api_rate_max="1000000"
    ) as found:
        yield found


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "////", "e30", "W10", "WyJhIiwxXQ", "A" * 1999, "😀", "bnVsbA", "WzEsMiwzLDRd"],
)
def test_a_cursor_that_no_answer_gave_is_refused(api: Api, cursor: str) -> None:
    client = Client(api.http, api.key("read"), api.registered().profile)
    answer = client.ask("GET", "/messages/facebook", params={"next": cursor})
    assert reason(answer, 400) in {"invalid_cursor", "invalid_request"}


def test_bad_input_is_refused_and_never_reaches_kafka(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    client, path = shop.client, "/messages/facebook"
    before = commands_written(api)
    good = {"recipientId": person, "message": "Hello"}
    bodies: list[Any] = [
        {}, [], None, 1, "text", {"message": "no recipient"}, {"recipientId": person},
        {**good, "recipientId": 5}, {**good, "recipientId": ""}, {**good, "recipientId": "a\x1fb"},
        {**good, "recipientId": "a\nb"}, {**good, "recipientId": "a" * 301},
        {**good, "message": ["x"]}, {**good, "message": "x" * 10_001}, {**good, "message": ""},
        {**good, "mediaUrls": "https://cdn.example.com/a.jpg"},
        {**good, "mediaUrls": ["https://cdn.example.com/a.jpg"] * 11},
        {**good, "mediaUrls": [None]}, {**good, "expiresAt": "yesterday"},
        {**good, "expiresAt": "2026-01-01T00:00:00"}, {**good, "humanAgent": "perhaps"},
        {**good, "conversationId": {"$ne": ""}},
    ]  # fmt: skip
    for body in bodies:
        assert reason(client.ask("POST", path, json=body), 400) == "invalid_request", body
    raw = [
        b"", b"{", b"\xff\xfe", b'{"recipientId":"1","message":"\xff"}', b"nul", b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000, b"\x00",
        b'{"recipientId":"1","message":"\\ud800"}', b'{"recipientId":"\\ud800","message":"a"}',
        b'{"recipientId":NaN,"message":"a"}', b'{"recipientId":' + b"9" * 5000 + b"}",
    ]  # fmt: skip
    for content in raw:
        headers = {"content-type": "application/json"}
        answer = client.ask("POST", path, content=content, headers=headers)
        assert reason(answer, 400) == "invalid_request", content[:20]
    form = client.ask("POST", path, data=good)
    assert reason(form, 400) == "invalid_request"
    for platform in ("whatsapp", "..", "facebook%2F..", "FACEBOOK", "%00"):
        assert client.ask("POST", f"/messages/{platform}", json=good).status_code in {400, 404, 405}
    for key in ("", "k" * 256, "ключ"):
        answer = client.ask("POST", path, json=good, headers={"idempotency-key": key.encode()})
        assert reason(answer, 400) == "invalid_request"
    zone = client.ask("PATCH", "/profiles", json={"monthZone": "../../etc/passwd"})
    assert reason(zone, 400) == "invalid_request"
    for change in ({}, {"autoResponseWaitSeconds": -1}, {"autoResponseMessage": "x" * 2001}):
        answer = client.ask("POST", "/messages/autoresponse", json=change)
        assert reason(answer, 400) == "invalid_request"
    for change in ({"platform": "facebook", "accountId": "a:b"}, {"platform": "facebook"}):
        answer = client.ask("POST", "/profiles/social", json=change)
        assert reason(answer, 400) == "invalid_request"
    credential = {"platform": "x", "accountId": "1", "credential": "../NAME=x"}
    assert reason(client.ask("POST", "/profiles/social", json=credential), 400)
    assert commands_written(api) == before


def test_bodies_that_are_too_large_are_refused_however_they_come(api: Api) -> None:
    client = api.client()
    client.profile = "large"
    large = b'{"recipientId":"1","message":"' + b"a" * LARGEST_BODY_BYTES + b'"}'
    headers = {"content-type": "application/json"}
    answer = client.ask("POST", "/messages/facebook", content=large, headers=headers)
    assert reason(answer, 413) == "body_too_large"

    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            yield b"a" * 8192

    answer = client.ask("POST", "/messages/facebook", content=chunks(), headers=headers)
    assert reason(answer, 413) == "body_too_large"


def test_headers_that_smuggle_are_refused(api: Api) -> None:
    key = api.key("send", "read")
    port = api.talk.running.settings.port

    def answered(*lines: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = [b"GET /user HTTP/1.1", b"host: x", b"connection: close", *lines]
            connection.sendall(b"\r\n".join(head) + b"\r\n\r\n")
            found = b""
            while part := connection.recv(65536):
                found += part
        return found

    bearer = b"authorization: Bearer " + key.encode()
    for profile in (b"a\x1fb", b"a\x00b", b"a b", b"\xff", b"a" * 201, b""):
        status = answered(bearer, b"profile-key: " + profile).split(b" ", 2)[1]
        assert status == b"400", profile
    for smuggled in (b"x\nset-cookie: a=b", b"x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x"):
        found = answered(bearer, b"profile-key: " + smuggled)
        assert b"set-cookie" not in found.lower()
        assert b" 200 " not in found.split(b"\r\n", 1)[0]


CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "missing_required_header,unsupported_method,allow_header_conformance,ignored_auth"
)


@pytest.mark.parametrize(
    ("phases", "named"), [("examples,coverage", False), ("fuzzing", True)], ids=["forms", "values"]
)
def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(
    api: Api, tmp_path: Path, phases: str, named: bool
) -> None:
    """Generated from the OpenAPI document: no 5xx, no undocumented answer, no body of another
    shape; what is forbidden is refused, and what needs a key is not given without one."""
    shop = api.shop()
    shop.somebody_writes()
    # Of a profile that is there, and stays there; or of whatever is made up.
    more = ["-H", f"Profile-Key: {shop.client.profile}", "--exclude-method", "DELETE"]
    more = more if named else []
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(shop.client.get("/openapi.json")))
    arguments = [
        "schemathesis", "run", str(document), "--url", str(api.http.base_url),
        "-H", f"Authorization: Bearer {shop.client.key}",
        "--exclude-path", "/events/stream",  # its answer does not end
        "--checks", CHECKS, "--phases", phases, *more, "--seed", "1",
        "--max-examples", os.environ.get("DM_TEST_EXAMPLES", "6"),
        "--suppress-health-check", "all", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    script = Path(sys.executable).with_name(arguments[0])
    done = subprocess.run(
        [script, *arguments[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
