"""`DELETE /profiles` wins, whatever is asked for at the same time and at whichever gateway."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from schemas import commands
from schemas.base import to_milliseconds
from schemas.events import AccountLinked, SendAccepted, SendRejected
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, Shop, refused
from tests.pipeline.hooking import serving_webhooks
from tests.pipeline.live import listening
from tests.pipeline.sandbox import digits
from tests.pipeline.subscribers import receiving

pytestmark = [pytest.mark.pipeline]


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("deleted")
    with serving_webhooks(broker, embedded_clickhouse, folder) as found:
        yield found


@contextmanager
def meanwhile(*asking: Callable[[], Any]) -> Iterator[None]:
    """Each of them again and again, in a thread of its own, until a moment after the end."""
    over = threading.Event()

    def keep_asking(ask: Callable[[], Any]) -> None:
        last = False
        while not last:
            last = over.is_set()
            ask()

    with ThreadPoolExecutor(len(asking)) as pool:
        loops: list[Future[None]] = [pool.submit(keep_asking, ask) for ask in asking]
        try:
            yield
            time.sleep(0.5)
        finally:
            over.set()
        for loop in loops:
            loop.result(120)


def delete(shop: Shop) -> None:
    # With a key: after a 503, which the client repeats, it may be deleted already.
    headers = {"prefer": "wait=60", "idempotency-key": digits()}
    answer = shop.client.ask("DELETE", "/profiles", headers=headers)
    assert answer.status_code == 200, answer.text


def test_no_webhook_that_is_registered_during_a_deletion_outlives_it(api: Api) -> None:
    with (
        receiving() as receivers,
        api.second_gateway() as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as http,
    ):
        for _ in range(3):
            _race_webhooks(api.shop(), http, receivers.url)


def _race_webhooks(shop: Shop, http: httpx.Client, address_of: Callable[[str], str]) -> None:
    there = Client(http, shop.client.key, shop.client.profile)
    answers: list[int] = []

    def subscribing(by: Client) -> Callable[[], None]:
        def subscribe() -> None:
            body = {"action": "messages", "url": address_of("h" + digits()[:1])}
            answers.append(by.ask("POST", "/hook/webhook", json=body).status_code)

        return subscribe

    with meanwhile(subscribing(shop.client), subscribing(there)):
        time.sleep(0.5)
        delete(shop)
    assert answers[0] == 200
    assert set(answers[-2:]) == {404}
    assert set(answers) <= {200, 404}, answers
    for client in (shop.client, there):
        assert client.get("/hook/webhook")["webhooks"] == []


def test_neither_an_activation_nor_a_link_nor_a_title_brings_a_profile_back(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    second = digits()
    api.talk.box.post(
        "accounts", provider="meta", platform="instagram", account_id=second, token="t"
    )
    ask, briefly = shop.client.ask, {"headers": {"prefer": "wait=1"}}
    link = {"platform": "instagram", "accountId": second, "provider": "meta"}
    with meanwhile(
        lambda: ask("PATCH", "/profiles", json={"messagingActive": True}, **briefly),
        lambda: ask("PATCH", "/profiles", json={"title": digits()}, **briefly),
        lambda: ask("POST", "/profiles/social", json=link, **briefly),
    ):
        delete(shop)
    assert ask("GET", "/user").status_code == 404
    assert ask("PATCH", "/profiles", json={"messagingActive": True}).status_code == 404
    # Not even a command that went past the gateway's own look.
    late = {
        "profileid": shop.client.profile,
        "issued_at": to_milliseconds(datetime.now(UTC)),
    }
    sending = digits()
    api.talk.log.write(
        commands.ActivateMessaging(command_id=digits(), **late),
        commands.LinkAccount(
            command_id=digits(),
            provider="meta",
            platform="facebook",
            account_id=shop.account,
            **late,
        ),
        commands.SendMessage(
            command_id=sending, conversation_id=shop.conversation(person), text="Too late.", **late
        ),
    )
    assert api.talk.reason(sending, "send.rejected") == "messaging_inactive"
    assert ask("GET", "/user").status_code == 404
    assert not _linked(api, shop), "what was linked meanwhile is unlinked"


def test_what_lost_a_race_with_a_deletion_ends_and_says_why(api: Api) -> None:
    """Invariant 6. Whoever waits for it hears so at once, whoever does not finds it later."""
    shop, running = api.shop(), api.talk.running
    link = {"platform": "instagram", "accountId": digits(), "provider": "meta"}
    later, title = {"prefer": "respond-async"}, {"title": "Too late"}
    ask = shop.client.ask
    with ThreadPoolExecutor(1) as pool:
        running.freeze("conversations")
        try:
            gone = ask("DELETE", "/profiles", headers=later)
            kept = [
                ask("PATCH", "/profiles", json=title, headers=later),
                ask("POST", "/profiles/social", json=link, headers=later),
            ]
            began = time.monotonic()
            waited = {"headers": {"prefer": "wait=60"}, "timeout": 90}
            waiting = pool.submit(ask, "PATCH", "/profiles", json=title, **waited)
        finally:
            running.thaw("conversations")
        refused(waiting.result(), 404, "profile_not_found")
        assert time.monotonic() - began < 50, "it was told, and not waited for in vain"
    assert {answer.status_code for answer in (gone, *kept)} == {202}
    for answer in kept:
        location = answer.headers["location"]
        running.wait(
            lambda place=location: shop.client.get(place)["outcome"] == "failed", 20, "failure"
        )
        told = shop.client.get(location)
        assert told["reason"] == "invalid_command"
        assert "deleted" in told["message"]


def test_a_deleted_profile_is_shown_no_more_and_its_history_stays_with_the_analysts(
    api: Api,
) -> None:
    """Decision 34: what happened stays, what is to be done does not."""
    shop = api.shop()
    person = shop.somebody_writes()
    conversation = shop.conversation(person)
    assert _of_views(api, shop) == (1, 1, 1)
    delete(shop)
    for path in ("/user", "/messages/facebook", f"/conversations/{conversation}"):
        refused(shop.client.ask("GET", path), 404, "profile_not_found")
    assert _of_views(api, shop) == (1, 1, 0)


def _of_views(api: Api, shop: Shop) -> tuple[int, ...]:
    """Conversations there are, those whose correspondent had the last word, and those that wait."""
    running = api.talk.running
    running.settled()
    views = f"{running.settings.clickhouse_database}_analytics"
    asked = [
        f"SELECT count() FROM {views}.{rows} AND profile_id = {{profile:String}}"
        for rows in (
            "conversations WHERE true",
            "conversations WHERE is_waiting",
            "waiting_conversations WHERE true",
        )
    ]
    values = {"profile": shop.client.profile}
    client = running.archive()
    try:
        return tuple(client.query(sql, values).first_row[0] for sql in asked)
    finally:
        client.close()


def test_a_profile_that_is_registered_anew_is_a_new_one_with_the_places_of_its_month(
    api: Api,
) -> None:
    """Decision 33."""
    shop = api.shop(title="Of the first life", refId=f"ref-{digits()}")
    person = shop.somebody_writes()
    ask = shop.client.done
    limits = {"messagingConversationMonthlyLimit": 7, "monthZone": "Asia/Tokyo"}
    ask("PATCH", "/profiles", json=limits)
    ask("POST", "/messages/autoresponse", json={"autoResponseActive": True})
    created = shop.client.get("/user")["created"]
    delete(shop)
    own = shop.client.profile
    own_command = {"profileid": own, "issued_at": to_milliseconds(datetime.now(UTC))}
    api.talk.log.write(commands.RegisterProfile(command_id=digits(), **own_command))
    api.talk.running.wait(
        lambda: shop.client.ask("GET", "/user").status_code == 200, 20, "registration"
    )
    user = shop.client.get("/user")
    assert user["refId"] == own
    assert "title" not in user
    assert user["created"] != created
    assert (user["messagingEnabled"], user["displayNames"]) == (False, [])
    assert (user["messagingConversationMonthlyLimit"], user["monthZone"]) == (100, "UTC")
    assert user["messagingConversationMonthlyCount"] == 1
    assert shop.client.get("/messages/autoresponse")["autoResponseActive"] is False
    assert shop.client.get("/hook/webhook")["webhooks"] == []
    assert [message["senderId"] for message in shop.history(person)] == [person]


def _linked(api: Api, shop: Shop) -> set[str]:
    """Accounts whose last word on the log is that they are linked."""
    told = [
        event
        for event in api.talk.log.seen
        if event.profileid == shop.client.profile and event.type.startswith("dm.account.")
    ]
    last = {event.data.account_id: event for event in sorted(told, key=lambda one: one.time)}
    return {name for name, event in last.items() if isinstance(event, AccountLinked)}


def test_a_correspondent_who_writes_after_a_deletion_gets_no_automatic_answer(api: Api) -> None:
    shop = api.shop()
    answering = {"autoResponseActive": True}
    assert shop.client.ask("POST", "/messages/autoresponse", json=answering).status_code == 200
    delete(shop)
    before = len(api.talk.log.seen)
    shop.webhook(digits(), message={"mid": f"m_{digits()}", "text": "Anybody there?"})
    own = shop.client.profile
    api.talk.log.wait_for(
        lambda event: event.profileid == own and isinstance(event, SendRejected),
        what="the refusal of the automatic answer",
    )
    told = [event for event in api.talk.log.seen[before:] if event.profileid == own]
    assert not [event for event in told if isinstance(event, SendAccepted)]


def test_the_live_stream_of_a_deleted_profile_ends_with_the_event_that_says_so(api: Api) -> None:
    shop = api.shop()
    with listening(api, shop) as heard:
        delete(shop)
        api.talk.running.wait(
            lambda: heard.response is not None and heard.response.is_closed, 20, "the stream's end"
        )
    assert [one["event"] for one in heard.events if "data" in one][-1] == "messaging.deactivated"
    headers = {"authorization": f"Bearer {shop.client.key}", "profile-key": shop.client.profile}
    assert api.http.get("/events/stream", headers=headers).status_code == 404
