"""The REST API against those who try what they may not, and against what no client would send."""

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.topics import COMMANDS
from streams.api.bounds import LARGEST_BODY_BYTES
from streams.keys import read_keys, revoked, write_keys
from streams.log_positions import log_ends
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline

INJECTIONS = (
    "' OR 1=1 --",
    "\\' OR 1=1 --",
    "'; DROP TABLE dm.events; --",
    "{profile:String}",
    "$db.events",
    "%27%20OR%201=1",
    "facebook:1:2' UNION ALL SELECT 1 --",
    "\\",
    "\\N",
    "a\\tb",
    "😀'\"`",
)
PRIVATE = (
    "http://127.0.0.1/a.jpg",
    "http://localhost:8123/a.jpg",
    "https://[::1]/a.jpg",
    "https://10.0.0.1/a.jpg",
    "https://192.168.1.1/a.jpg",
    "https://172.16.0.1/a.jpg",
    "http://169.254.169.254/latest/meta-data/a.jpg",
    "https://[::ffff:127.0.0.1]/a.jpg",
    "https://[fd00::1]/a.jpg",
    "https://0.0.0.0/a.jpg",
    "https://2130706433/a.jpg",
    "https://0x7f.1/a.jpg",
    "https://127.1/a.jpg",
    "https://user:secret@cdn.example.com/a.jpg",
    "https://metadata.internal/a.jpg",
    "file:///etc/passwd.jpg",
    "gopher://127.0.0.1/a.jpg",
    "//127.0.0.1/a.jpg",
    "https://[not-an-address/a.jpg",
)


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hostile")
    with serving(broker, embedded_clickhouse, folder, api_rate_max="1000000") as found:
        yield found


def commands_written(api: Api) -> int:
    return sum(asyncio.run(log_ends(api.talk.running.settings, COMMANDS)).values())


def reason(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["status"] == "error"
    assert set(body) >= {"status", "code", "message", "reason"}
    return str(body["reason"])


def test_no_route_answers_without_a_key_but_health_and_webhooks(api: Api) -> None:
    document = api.client().get("/openapi.json")
    for path, operations in document["paths"].items():
        for method in operations:
            target = path.replace("{platform}", "facebook").replace("{", "").replace("}", "")
            body = {"json": {}} if method in {"post", "put", "patch"} else {}
            answer = api.http.request(method, target, **body)
            assert reason(answer, 401) == "unauthorized", f"{method} {path}"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert api.http.get("/healthz").status_code == 200
    assert reason(api.http.get("/nowhere"), 404) == "not_found"
    assert reason(api.http.get("/webhooks/ayrshare"), 405) == "method_not_allowed"


def test_a_key_can_t_be_guessed_from_what_is_known_of_it(api: Api) -> None:
    key, other = api.key("read"), api.key("read")
    _, key_id, secret = key.split("_", 2)
    guesses = [
        key_id,
        f"dms_{key_id}",
        f"dms_{key_id}_",
        f"dms_{key_id}_{'A' * 43}",
        f"dms_{key_id}_{other.split('_', 2)[2]}",
        f"dms_{'0' * 16}_{secret}",
        key[:-1],
        key + "A",
        key.upper(),
        f" {key}x",
        "null",
        "' OR 1=1 --",
    ]
    settings = api.talk.running.settings
    hashed = asyncio.run(read_keys(settings))[key_id].secret_sha256
    assert secret not in hashed
    guesses += [hashed, f"dms_{key_id}_{hashed[:43]}"]
    answers = set()
    for guess in guesses:
        answer = api.http.get("/openapi.json", headers={"authorization": f"Bearer {guess}"})
        assert reason(answer, 401) == "unauthorized"
        answers.add(answer.text)
    for header in (f"Basic {key}", key, f"bearer{key}", "Bearer"):
        answer = api.http.get("/openapi.json", headers={"authorization": header})
        answers.add(answer.text)
        assert answer.status_code == 401
    assert len(answers) == 1, "an answer tells guesses apart"
    fine = api.http.get("/openapi.json", headers={"authorization": f"Bearer {key}"})
    assert fine.status_code == 200


def test_a_revoked_key_ends_at_once(api: Api) -> None:
    key = api.key("read")
    settings = api.talk.running.settings
    record = asyncio.run(read_keys(settings))[key.split("_")[1]]
    asyncio.run(write_keys(settings, [revoked(record, datetime.now(UTC))]))
    headers = {"authorization": f"Bearer {key}"}
    api.talk.running.wait(
        lambda: api.http.get("/openapi.json", headers=headers).status_code == 401, 5, "revocation"
    )


def test_a_key_does_what_its_scopes_say_and_for_its_profiles_only(api: Api) -> None:
    shop, other = api.shop(), api.shop()
    mine = shop.client.profile
    reader = Client(api.http, api.key("read", profiles=(mine,)))
    assert reader.get("/user")["status"] == "success"  # its one profile need not be named
    assert reason(reader.send(recipientId="1", message="x"), 403) == "scope_missing"
    patched = reader.ask("PATCH", "/profiles", json={"messagingActive": False})
    assert reason(patched, 403) == "scope_missing"
    sender = Client(api.http, api.key("send", profiles=(mine,)))
    assert reason(sender.ask("GET", "/messages/facebook"), 403) == "scope_missing"
    foreign = reader.ask("GET", "/user", headers={"profile-key": other.client.profile})
    assert reason(foreign, 403) == "profile_not_allowed"
    admin = Client(api.http, api.key("admin", profiles=(mine,)))
    assert reason(admin.ask("GET", "/profiles"), 403) == "profile_not_allowed"
    made = admin.ask("POST", "/profiles", json={"title": "Mine too"})
    assert reason(made, 403) == "profile_not_allowed"
    stolen = admin.ask(
        "POST",
        "/profiles/social",
        json={"platform": "facebook", "accountId": other.account, "provider": "meta"},
    )
    assert reason(stolen, 409) == "account_of_another"
    anyone = Client(api.http, api.key("read"))
    assert reason(anyone.ask("GET", "/user"), 400) == "profile_key_required"
    missing = anyone.ask("GET", "/user", headers={"profile-key": "nobody"})
    assert reason(missing, 404) == "profile_not_found"


def test_a_key_for_one_profile_takes_no_other_s_inbound_by_another_platform(api: Api) -> None:
    """The directory of accounts knows a provider's account by its id alone."""
    shop, other = api.shop(), api.shop()
    person = other.somebody_writes()
    named = api.client().ask("POST", "/profiles", json={"title": "Named", "refId": "Ref-of.them"})
    assert named.status_code == 200, named.text
    admin = Client(api.http, api.key("admin", profiles=(shop.client.profile,)))

    def link(**body: Any) -> httpx.Response:
        return admin.ask("POST", "/profiles/social", json={"platform": "facebook", **body})

    for body in (
        {"platform": "instagram", "accountId": other.account, "provider": "meta"},
        {"platform": "x", "accountId": other.account, "provider": "meta"},
        {"accountId": other.account, "provider": "ayrshare"},
        {"accountId": "Ref-of.them", "provider": "ayrshare"},
        {"accountId": "REF_OF_THEM", "provider": "ayrshare"},
        {"accountId": other.client.profile, "provider": "ayrshare"},
    ):
        assert reason(link(**body), 409) == "account_of_another", body
    other.somebody_writes(person)  # it comes to them still
    assert link(accountId=shop.account, provider="meta").status_code == 200


def test_one_profile_sees_nothing_of_another_by_id_or_cursor(api: Api) -> None:
    mine, theirs = api.shop(), api.shop()
    person = theirs.somebody_writes(text="For their eyes.")
    theirs.somebody_writes(person)
    mine.somebody_writes(person)
    conversation = theirs.conversation(person)
    sent = theirs.client.send(recipientId=person, message="Hello").json()
    client = mine.client
    for path in (f"/conversations/{conversation}", f"/commands/{sent['commandId']}"):
        reason(client.ask("GET", path), 404)
    listed = client.ask("GET", "/messages/facebook", params={"conversationId": conversation})
    assert reason(listed, 404) == "conversation_not_found"
    archived = client.ask("PUT", f"/messages/facebook/{conversation}", json={"status": "archived"})
    assert reason(archived, 404) == "conversation_not_found"
    written = client.send(conversationId=conversation, message="From another.")
    assert reason(written, 400) == "account_unlinked"
    assert [m["text"] for m in api.talk.box.kept(person)] == ["Hello"]

    cursor = theirs.client.get("/messages/facebook", limit=1)["meta"]["pagination"]["next"]
    taken = client.ask("GET", "/messages/facebook", params={"next": cursor})
    assert reason(taken, 400) == "invalid_cursor"
    other_question = theirs.client.ask("GET", "/messages/instagram", params={"next": cursor})
    assert reason(other_question, 400) == "invalid_cursor"
    own = client.get("/messages/facebook", limit=1)
    digest = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    forged = [*json.loads(base64.urlsafe_b64decode(_padded(_own_cursor(mine))))[:1], *digest[1:]]
    given = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    page = client.get("/messages/facebook", next=given)
    assert all(m["conversationId"] == mine.conversation(person) for m in page["messages"])
    assert own["messagesCount"] == 1


def _own_cursor(shop: Any) -> str:
    shop.somebody_writes()
    found: str = shop.client.get("/messages/facebook", limit=1)["meta"]["pagination"]["next"]
    return found


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "////", "e30", "W10", "WyJhIiwxXQ", "A" * 1999, "😀", "bnVsbA", "WzEsMiwzLDRd"],
)
def test_a_cursor_that_no_answer_gave_is_refused(api: Api, cursor: str) -> None:
    client = Client(api.http, api.key("read"), "cursors")
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


@pytest.mark.parametrize("url", PRIVATE)
def test_media_of_our_own_network_are_refused_and_never_reach_kafka(api: Api, url: str) -> None:
    client = api.client()
    client.profile = "media"
    before = commands_written(api)
    answer = client.send(recipientId="1", mediaUrls=[url])
    assert reason(answer, 400) == "invalid"
    assert url not in answer.text
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


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_any_place_is_a_value_like_any_other(api: Api, text: str) -> None:
    client = api.client()
    made = client.ask("POST", "/profiles", json={"title": text})
    client.profile = made.json()["profileKey"]
    assert client.get("/user")["title"] == text
    for path in (
        f"/conversations/{httpx.URL('x').copy_with(path='/' + text).raw_path.decode()[1:]}",
    ):
        assert reason(client.ask("GET", path), 404) == "conversation_not_found"
    listed = client.ask("GET", "/messages/facebook", params={"conversationId": text})
    assert reason(listed, 404) == "conversation_not_found"
    for params in ({"status": text}, {"next": text}, {"limit": text}, {"conversationsOnly": text}):
        assert client.ask("GET", "/messages/facebook", params=params).status_code == 400
    if text.isascii() and " " not in text:
        named = client.ask("GET", "/user", headers={"profile-key": text})
        assert reason(named, 404) == "profile_not_found"
    assert reason(client.send(recipientId=text, message=text), 400) == "messaging_inactive"


def test_a_key_over_its_rate_waits_and_the_headers_say_so(api: Api) -> None:
    client = Client(api.http, api.key("read", profiles=("rated",), rate=3))
    for count in (1, 2, 3):
        answer = client.ask("GET", "/messages/facebook")
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-max"] == "3"
        assert answer.headers["x-ratelimit-count"] == str(count)
    over = client.ask("GET", "/messages/facebook")
    assert reason(over, 429) == "rate_limited"
    assert 0 < int(over.headers["retry-after"]) <= 300
    assert over.headers["x-ratelimit-count"] == "4"


def test_no_secret_and_no_text_is_in_the_gateway_s_log(api: Api) -> None:
    """Invariant 11."""
    shop = api.shop()
    person = shop.somebody_writes()
    shop.client.send(recipientId=person, message="a-very-secret-text")
    shop.client.send(recipientId=digits(), message="a-very-secret-text")
    api.http.get("/user", headers={"authorization": "Bearer a-very-secret-key"})
    log = (api.talk.running.folder / "gateway.log").read_text(errors="replace")
    assert "a-very-secret" not in log
    assert shop.client.key.split("_", 2)[2] not in log


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
