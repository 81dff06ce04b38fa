"""The REST API against those who try what they may not, and against what no client would send."""

import asyncio
import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from streams.keys import read_keys, revoked, write_keys
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, padded, reason, serving
from tests.pipeline.live import listening
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hostile")
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


def test_answers_do_not_tell_whether_what_is_another_s_exists(api: Api) -> None:
    """Ids of profiles, conversations, commands and keys can't be found out by asking."""
    shop, other = api.shop(), api.shop()
    person = other.somebody_writes()
    command = other.client.send(recipientId=person, message="Hello").json()["commandId"]
    limited = Client(api.http, api.key("send", "read", "admin", profiles=(shop.client.profile,)))
    answers = {
        limited.ask("GET", "/user", headers={"profile-key": name}).text
        for name in (other.client.profile, "nobody", digits())
    }
    assert len(answers) == 1
    client = shop.client
    for path in (
        (f"/conversations/{other.conversation(person)}", f"/conversations/facebook:1:{digits()}"),
        (f"/commands/{command}", f"/commands/k{'0' * 40}"),
    ):
        assert len({client.ask("GET", one).text for one in path}) == 1
    key = api.key("read")
    unknown = f"dms_{'0' * 16}_{key.split('_', 2)[2]}"
    wrong = key[:-43] + "A" * 43
    assert len({Client(api.http, one).ask("GET", "/user").text for one in (unknown, wrong)}) == 1


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


def test_of_two_profiles_that_link_one_account_at_once_one_gets_it(api: Api) -> None:
    """Whichever keys they have, and whichever gateways they ask."""
    shops = [api.shop() for _ in range(2)]
    limited = [
        Client(api.http, api.key("admin", profiles=(shop.client.profile,))) for shop in shops
    ]
    everyone = [shop.client for shop in shops]
    with api.second_gateway() as address, httpx.Client(base_url=address, timeout=30) as second:
        for clients in (limited, everyone):
            for _ in range(4):
                account = digits()
                body = {"platform": "facebook", "accountId": account, "provider": "meta"}
                two = [clients[0], Client(second, clients[1].key, clients[1].profile)]
                with ThreadPoolExecutor(2) as pool:
                    answers = list(
                        pool.map(
                            lambda one, body=body: one.ask("POST", "/profiles/social", json=body),
                            two,
                        )
                    )
                statuses = sorted(answer.status_code for answer in answers)
                owners = [
                    shop.client.profile
                    for shop in shops
                    if account in [one["id"] for one in shop.client.get("/user")["displayNames"]]
                ]
                assert len(owners) == 1, (statuses, owners)
                refused = [answer for answer in answers if answer.status_code != 200]
                assert len(refused) <= 1
                for answer in refused:
                    assert reason(answer, 409) in {"account_being_linked", "account_of_another"}
                if clients is limited:
                    assert statuses == [200, 409]


def test_an_account_that_is_taken_over_is_its_former_owner_s_no_more(api: Api) -> None:
    """By a key for all profiles: in and out go by the new owner."""
    former, new = api.shop(), api.shop()
    person = former.somebody_writes()
    body = {"platform": "facebook", "accountId": former.account, "provider": "meta"}
    assert new.client.ask("POST", "/profiles/social", json=body).status_code == 200
    assert former.client.get("/user")["displayNames"] == []
    refused = former.client.send(recipientId=person, message="Hello")
    assert reason(refused, 400) == "account_unlinked"
    new.account = former.account
    new.somebody_writes(person)
    assert new.client.send(recipientId=person, message="Hello").status_code == 200


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
    forged = [*json.loads(base64.urlsafe_b64decode(padded(_own_cursor(mine))))[:1], *digest[1:]]
    given = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    page = client.get("/messages/facebook", next=given)
    assert page["messages"] or page["messagesCount"] == 0
    assert all(m["conversationId"] == mine.conversation(person) for m in page["messages"])
    assert own["messagesCount"] == 1


def _own_cursor(shop: Any) -> str:
    shop.somebody_writes()
    found: str = shop.client.get("/messages/facebook", limit=1)["meta"]["pagination"]["next"]
    return found


def test_a_place_of_another_s_event_shows_a_stream_nothing_of_them(api: Api) -> None:
    """Profiles share partitions, and a place is no secret: the stream tells one's own alone."""
    shops = [api.shop() for _ in range(6)]  # of four partitions: some share one
    for shop in shops:
        shop.somebody_writes(text=f"of {shop.client.profile}")
    own = shops[0]
    with listening(api, own) as heard:
        own.somebody_writes(text="now")
        api.talk.running.wait(lambda: heard.texts() == ["now"], 20, "live")
        log = next(one["id"] for one in heard.events if "id" in one).rpartition(":")[0]
    with listening(api, own, last=f"{log}:0") as again:
        api.talk.running.wait(lambda: "now" in again.texts(), 20, "all of it")
        assert set(again.texts()) == {f"of {own.client.profile}", "now"}
        profiles = {json.loads(one["data"])["profileid"] for one in again.events if "data" in one}
    assert profiles == {own.client.profile}


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
