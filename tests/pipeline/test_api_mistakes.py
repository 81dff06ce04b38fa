"""Slips of those who may do much: a refId that is taken, a profile that is none, a key that is
forgotten. Each is told, and nothing of anybody else's changes."""

import asyncio
import uuid
from collections.abc import Iterator

import httpx
import pytest

from schemas.accounts import AccountClaim, claim_key
from schemas.topics import ACCOUNTS
from streams.followed import FollowedTopic
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, commands_written, reason, refused, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(broker, embedded_clickhouse, tmp_path_factory.mktemp("mistakes")) as found:
        yield found


def test_a_ref_id_that_another_profile_has_is_refused_and_its_webhooks_stay(api: Api) -> None:
    client, reference = api.client(), uuid.uuid4().hex
    headers = {"idempotency-key": digits()}

    def register(name: str, **more: str) -> httpx.Response:
        return client.ask("POST", "/profiles", json={"title": "r", "refId": name}, headers=more)

    first = register(reference, **headers)
    assert first.status_code == 200, first.text
    assert register(reference, **headers).json()["profileKey"] == first.json()["profileKey"]
    refused(register(reference), 409, "reference_in_use")
    other = client.done("POST", "/profiles", json={"title": "s"})
    refused(register(other["profileKey"]), 409, "reference_in_use")  # what it would register as
    client.profile = first.json()["profileKey"]
    assert client.ask("DELETE", "/profiles").status_code == 200
    client.profile = ""
    taken = register(reference)
    assert taken.status_code == 200, taken.text


def test_nothing_is_written_about_a_profile_that_is_none(api: Api) -> None:
    ghost = api.client()
    ghost.profile = "a-profile-that-nobody-registered"
    before = commands_written(api)
    sent = ghost.send(recipientId="1", message="hello")
    refused(sent, 404, "profile_not_found")
    refused(ghost.ask("GET", "/messages/facebook"), 404, "profile_not_found")
    assert commands_written(api) == before


def test_what_was_kept_under_a_key_is_pending_and_never_unknown(api: Api) -> None:
    """Whoever took a 404 for the end would ask again under another key, and send twice."""
    shop = api.shop()
    person = shop.somebody_writes()
    headers = {"prefer": "respond-async"}
    for _ in range(10):
        more = {**headers, "idempotency-key": digits()}
        kept = shop.client.send(recipientId=person, message="hello", headers=more)
        assert kept.status_code == 202, kept.text
        told = shop.client.ask("GET", kept.headers["location"])
        assert told.status_code == 200, told.text
    made_up = kept.headers["location"][:-1] + "z"
    refused(shop.client.ask("GET", made_up), 404, "command_not_found")


def test_a_key_of_another_profile_keeps_nobody_from_their_own_account(api: Api) -> None:
    """It hears that the account is another's before it may claim it."""
    shop = api.shop()
    thief = api.registered()
    thief.key = api.key(profiles=(thief.profile,), rate=100_000)
    body = {"platform": "facebook", "accountId": shop.account, "provider": "meta"}
    refused(thief.ask("POST", "/profiles/social", json=body), 409, "account_of_another")
    assert thief.profile not in claimants(api, shop.account)
    shop.link()
    assert shop.client.profile in claimants(api, shop.account)


def test_a_link_that_nobody_waited_for_is_in_nobody_s_way_once_it_is_decided(api: Api) -> None:
    first, second = api.registered(), api.registered()
    body = {"platform": "facebook", "accountId": digits(), "provider": "meta"}
    later = {"prefer": "respond-async"}
    _is_done(api, first, first.ask("POST", "/profiles/social", json=body, headers=later))
    taken = second.ask("POST", "/profiles/social", json=body)
    assert taken.status_code == 200, taken.text
    assert [one["id"] for one in second.get("/user")["displayNames"]] == [body["accountId"]]
    assert first.get("/user")["displayNames"] == []


def test_a_profile_that_nobody_waited_for_has_its_ref_id_once_it_is_made(api: Api) -> None:
    """A client that comes back without its key hears what is so, and not that it is under way."""
    client = api.client()
    body, later = {"title": "r", "refId": uuid.uuid4().hex}, {"prefer": "respond-async"}
    kept = client.ask("POST", "/profiles", json=body, headers=later)
    made = Client(client.http, client.key, kept.json()["profileKey"])
    _is_done(api, made, kept)
    refused(client.ask("POST", "/profiles", json=body), 409, "reference_in_use")


def _is_done(api: Api, client: Client, kept: httpx.Response) -> None:
    assert kept.status_code == 202, kept.text
    location = kept.headers["location"]
    api.talk.running.wait(
        lambda: client.get(location)["outcome"] == "done", 20, "the end of the command"
    )


def claimants(api: Api, account: str) -> set[str]:
    """Profiles that ever claimed the account."""
    found: list[tuple[str, bytes | None]] = []

    async def read() -> None:
        topic = FollowedTopic(
            api.talk.running.settings, ACCOUNTS, what="claims", changed=lambda: None,
            apply=lambda key, value: found.append((key, value)),
        )  # fmt: skip
        await (await topic.read_all()).stop()

    asyncio.run(read())
    return {
        AccountClaim.model_validate_json(value).profileid
        for key, value in found
        if key == claim_key(account) and value is not None
    }


def test_a_body_is_not_read_before_the_key(api: Api) -> None:
    for body in (b"{", b'{"a": ' * 5_000, b'{"title": "a"}'):
        answer = api.http.post("/profiles", content=body)
        assert reason(answer, 401) == "unauthorized"


def test_a_text_with_nul_and_an_account_that_only_looks_alike_are_refused(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    assert reason(shop.client.send(recipientId=person, message="a\x00b"), 400) == "invalid_request"
    body = {"platform": "facebook", "accountId": f"{shop.account}\u200b", "provider": "meta"}
    answer = shop.client.ask("POST", "/profiles/social", json=body)
    assert reason(answer, 400) == "invalid_request"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    plain = shop.client.ask("POST", "/profiles", content=b'{"title": "a"}', headers=headers)
    assert "Content-Type: application/json" in plain.json()["message"]
