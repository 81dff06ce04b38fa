"""One profile sees, sends and takes nothing of another by the REST API, whatever it asks."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

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
    folder = tmp_path_factory.mktemp("apart")
    with serving(broker, embedded_clickhouse, folder, api_rate_max="1000000") as found:
        yield found


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
