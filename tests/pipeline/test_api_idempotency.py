"""Requests that are made again: one key, one outcome, at whichever gateway."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, refused, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(broker, embedded_clickhouse, tmp_path_factory.mktemp("once")) as found:
        yield found


def test_an_idempotency_key_sends_once_and_another_body_under_it_is_refused(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    given = {"recipientId": person, "message": "Shipped.", "headers": {"idempotency-key": "o-1"}}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shop.client.send(**dict(given)), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["messageId"] for answer in answers}) == 1
    assert len(api.talk.box.kept(person)) == 1
    again = shop.client.send(**dict(given))
    assert again.json() == answers[0].json()
    refused(shop.client.send(**{**given, "message": "Lost."}), 422, "idempotency_key_reused")
    assert len(api.talk.box.kept(person)) == 1
    rejected = {"recipientId": digits(), "message": "x", "headers": {"idempotency-key": "o-2"}}
    first = refused(shop.client.send(**dict(rejected)), 409, "not_initiated")
    assert refused(shop.client.send(**dict(rejected)), 409, "not_initiated") == first


def test_a_profile_is_made_once_for_one_idempotency_key(api: Api) -> None:
    client = api.client()
    headers = {"idempotency-key": digits()}
    first = client.ask("POST", "/profiles", json={"title": "Once"}, headers=headers)
    second = client.ask("POST", "/profiles", json={"title": "Once"}, headers=headers)
    assert first.status_code == second.status_code == 200, second.text
    assert first.json()["profileKey"] == second.json()["profileKey"]
    other = client.ask("POST", "/profiles", json={"title": "Twice"}, headers=headers)
    refused(other, 422, "idempotency_key_reused")


def test_a_new_profile_that_nobody_waits_for_is_all_that_was_asked(api: Api) -> None:
    client = api.client()
    headers = {"idempotency-key": digits(), "prefer": "respond-async"}
    body = {"title": "Later", "messagingActive": True}
    kept = client.ask("POST", "/profiles", json=body, headers=headers)
    assert kept.status_code == 202, kept.text
    client.profile = kept.json()["profileKey"]
    _wait_for_end(api, client, kept)
    assert client.get("/user")["messagingEnabled"] is True
    again = client.ask("POST", "/profiles", json=body, headers=headers)
    assert again.status_code in {200, 202}
    assert again.json()["profileKey"] == client.profile


def test_a_used_key_with_another_body_changes_nothing_of_it(api: Api) -> None:
    """Not even what the first body did not ask for."""
    client = api.client()
    headers = {"idempotency-key": digits()}
    made = client.ask("POST", "/profiles", json={"title": "Silent"}, headers=headers)
    client.profile = made.json()["profileKey"]
    more = {"title": "Silent", "messagingActive": True}
    refused(
        client.ask("POST", "/profiles", json=more, headers=headers), 422, "idempotency_key_reused"
    )
    assert client.get("/user")["messagingEnabled"] is False
    one = client.ask("PATCH", "/profiles", json={"title": "Named"}, headers=headers)
    assert one.status_code == 200, one.text
    other = client.ask("PATCH", "/profiles", json={"messagingActive": True}, headers=headers)
    refused(other, 422, "idempotency_key_reused")
    assert client.get("/user")["messagingEnabled"] is False


def test_a_deletion_that_is_repeated_with_its_key_deletes_all_and_says_so(api: Api) -> None:
    shop = api.shop(title="To be deleted twice")
    other = {"platform": "instagram", "accountId": digits(), "provider": "meta"}
    assert shop.client.ask("POST", "/profiles/social", json=other).status_code == 200
    headers = {"idempotency-key": digits()}

    def delete(**more: str) -> httpx.Response:
        return shop.client.ask("DELETE", "/profiles", headers={**headers, **more})

    kept = delete(prefer="respond-async")
    assert kept.status_code == 202, kept.text
    _wait_for_end(api, shop.client, kept)
    assert delete().status_code == delete().status_code == 200
    refused(shop.client.ask("GET", "/user"), 404, "profile_not_found")
    refused(shop.client.ask("DELETE", "/profiles"), 404, "profile_not_found")
    running = api.talk.running
    rows = running.archive().query(
        f"SELECT account_id FROM {running.settings.clickhouse_database}.events FINAL"
        " WHERE profile_id = {profile:String} AND kind = 'account.unlinked'",
        parameters={"profile": shop.client.profile},
    )
    assert {row[0] for row in rows.result_rows} == {shop.account, other["accountId"]}


def test_all_accounts_of_a_network_are_unlinked_however_often_it_is_asked(api: Api) -> None:
    shop = api.shop()
    second = {"platform": "facebook", "accountId": digits(), "provider": "ayrshare"}
    assert shop.client.ask("POST", "/profiles/social", json=second).status_code == 200
    headers = {"idempotency-key": digits()}
    body = {"platform": "facebook"}

    def unlink(**more: str) -> httpx.Response:
        given = {**headers, **more}
        return shop.client.ask("DELETE", "/profiles/social", json=body, headers=given)

    assert len(shop.client.get("/user")["displayNames"]) == 2
    kept = unlink(prefer="respond-async")
    assert kept.status_code == 202, kept.text
    _wait_for_end(api, shop.client, kept)
    assert shop.client.get("/user")["displayNames"] == []
    assert unlink().status_code == unlink().status_code == 200
    body["accountId"] = shop.account
    refused(unlink(), 422, "idempotency_key_reused")
    headers = {}
    refused(unlink(), 404, "account_not_found")


def _wait_for_end(api: Api, client: Client, kept: httpx.Response) -> None:
    location = kept.headers["location"]

    def has_ended() -> bool:
        answer = client.ask("GET", location)  # 404 until it is decided
        return answer.status_code == 200 and answer.json()["outcome"] == "done"

    api.talk.running.wait(has_ended, 20, "the last command")
