"""Values that would be something else: SQL, and addresses of our own network."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, commands_written, padded, reason, serving

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
    "https://0177.0.0.1/a.jpg",
    "https://[::7f00:1]/a.jpg",
    "https://[64:ff9b:1::7f00:1]/a.jpg",
    "https://localhost./a.jpg",
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
    folder = tmp_path_factory.mktemp("injected")
    with serving(broker, embedded_clickhouse, folder, api_rate_max="1000000") as found:
        yield found


@pytest.mark.parametrize("url", PRIVATE)
def test_media_of_our_own_network_are_refused_and_never_reach_kafka(api: Api, url: str) -> None:
    client = api.registered()
    before = commands_written(api)
    answer = client.send(recipientId="1", mediaUrls=[url])
    assert reason(answer, 400) == "invalid"
    assert url not in answer.text
    assert commands_written(api) == before


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_cursor_an_id_or_a_header_is_a_value_too(api: Api, text: str) -> None:
    """A cursor is no secret: its digest is that of a good one, and what is behind it is ours."""
    api.shop()  # so that there is a second page of profiles
    shop = api.shop()
    person = shop.somebody_writes()
    shop.somebody_writes(person)
    client = shop.client

    def forged(path: str, *parts: Any, **question: Any) -> httpx.Response:
        given = client.get(path, limit=1, **question)
        cursor = given["meta"]["pagination"]["next"] if "meta" in given else given["next"]
        digest = json.loads(base64.urlsafe_b64decode(padded(cursor)))[0]
        content = json.dumps([digest, *parts]).encode()
        made = base64.urlsafe_b64encode(content).decode().rstrip("=")
        return client.ask("GET", path, params={"next": made, **question})

    shop.somebody_writes()
    for answer in (
        forged("/messages/facebook", 2**61, text, text),
        forged("/messages/facebook", 2**61, text, 2**61, conversationsOnly=True),
        forged("/profiles", text),
    ):
        assert answer.status_code in {200, 400}, answer.text
    for answer in (
        client.ask("GET", "/messages/facebook", params={"next": text}),
        client.ask("GET", "/profiles", params={"next": text}),
        client.ask("GET", "/profiles", params={"limit": text}),
    ):
        assert answer.status_code == 400
    quoted = httpx.URL("x").copy_with(path="/" + text).raw_path.decode()[1:]
    if "%20" not in quoted:
        found = client.ask("GET", f"/commands/{quoted}")
        assert found.status_code in {400, 404}
    for body in ({"id": text}, {"since": text}):
        range_ = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
        answer = client.ask("POST", "/hook/webhook/replay", json=range_ | body)
        assert reason(answer, 400) == "invalid_request"
    if text.isascii():
        keyed = {"idempotency-key": text}
        changed = client.ask("PATCH", "/profiles", json={"title": "Same"}, headers=keyed)
        assert changed.status_code == 200, changed.text
        with api.http.stream(
            "GET",
            "/events/stream",
            headers={
                "authorization": f"Bearer {client.key}",
                "profile-key": client.profile,
                "last-event-id": text,
            },
        ) as stream:
            assert b"event: gap" in next(stream.iter_raw())
    assert len(shop.history(person)) == 2


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
