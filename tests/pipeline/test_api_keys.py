"""The REST API against those who have no key, a wrong one, or one that may less than they try."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from streams.keys import read_keys, revoked, write_keys
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, reason, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("keys")
    with serving(broker, embedded_clickhouse, folder, api_rate_max="1000000") as found:
        yield found


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


def test_a_key_s_scopes_hold_on_every_route(api: Api) -> None:
    """Of the document's routes: a read key changes nothing, a send key reads nothing, and neither
    administers."""
    shop = api.shop()
    document = shop.client.get("/openapi.json")
    sends = {("post", "/messages/{platform}"), ("put", "/messages/{platform}/{conversation_id}")}
    both, any_key = {("get", "/commands/{command_id}")}, {("get", "/openapi.json")}
    for_all = {("get", "/profiles"), ("post", "/profiles")}
    keys = {scope: api.key(scope) for scope in ("send", "read", "admin")}
    asked = 0
    for path, operations in document["paths"].items():
        for method in operations:
            place = (method, path)
            wanted = {"read"} if method == "get" else {"admin"}
            if place in sends:
                wanted = {"send"}
            elif place in both:
                wanted = {"send", "read"}
            elif place in for_all:
                wanted = {"admin"}
            target = path.replace("{platform}", "facebook").replace("{", "").replace("}", "")
            for scope, key in keys.items():
                if place in any_key or scope in wanted:
                    continue
                client = Client(api.http, key, shop.client.profile)
                body = {"json": {}} if method != "get" else {}
                answer = client.ask(method.upper(), target, **body)
                # A body that is none is told before the scope where the route takes one.
                assert answer.status_code in {400, 403}, (scope, place, answer.text)
                if answer.status_code == 403:
                    assert reason(answer, 403) == "scope_missing"
                asked += 1
    assert asked > 30
    reader = Client(api.http, keys["read"], shop.client.profile)
    for method, path, body in (
        ("POST", "/messages/facebook", {"recipientId": "1", "message": "x"}),
        ("PUT", "/messages/facebook/facebook:1:2", {"status": "archived"}),
        ("PATCH", "/profiles", {"messagingActive": False}),
        ("POST", "/profiles", {"title": "x"}),
        ("POST", "/profiles/social", {"platform": "facebook", "accountId": "1"}),
        ("DELETE", "/profiles/social", {"platform": "facebook"}),
        ("POST", "/messages/autoresponse", {"autoResponseActive": True}),
        ("POST", "/hook/webhook", {"action": "messages", "url": "https://h.example.com/"}),
        ("DELETE", "/hook/webhook", {"action": "messages"}),
        (
            "POST",
            "/hook/webhook/replay",
            {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        ),
        ("DELETE", "/profiles", None),
    ):
        assert reason(reader.ask(method, path, json=body), 403) == "scope_missing", path
    assert shop.client.get("/user")["messagingEnabled"]


def test_a_key_over_its_rate_waits_and_the_headers_say_so(api: Api) -> None:
    known = api.registered().profile
    client = Client(api.http, api.key("read", profiles=(known,), rate=3))
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
