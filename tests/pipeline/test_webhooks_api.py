"""Webhooks and the live stream through the whole pipeline, by an ordinary HTTP client."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from streams.keys import key_id_of, read_keys, revoked, write_keys
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api
from tests.pipeline.hooking import serving_webhooks
from tests.pipeline.live import listening
from tests.pipeline.subscribers import receiving

pytestmark = [pytest.mark.pipeline]


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hooks")
    with serving_webhooks(broker, embedded_clickhouse, folder) as found:
        yield found


def test_a_client_subscribes_and_is_told_both_sides_of_a_conversation(api: Api) -> None:
    shop = api.shop()
    earlier = shop.somebody_writes(text="before")
    with receiving() as receivers:
        made = shop.client.ask(
            "POST", "/hook/webhook", json={"action": "messages", "url": receivers.url("shop")}
        )
        assert made.status_code == 200, made.text
        answer = made.json()
        assert answer["secret"].startswith("whsec_")
        assert shop.client.get("/hook/webhook")["messages"] == receivers.url("shop")
        person = shop.somebody_writes(text="Do you have it in blue?")
        sent = shop.client.send(recipientId=person, message="We do.")
        assert sent.status_code == 200, sent.text
        got = receivers.got["shop"]
        api.talk.running.wait(
            lambda: (
                {one.body.get("message") for one in got} >= {"Do you have it in blue?", "We do."}
            ),
            30,
            "webhooks",
        )
        assert "before" not in [one.body.get("message") for one in got]
        assert earlier not in [one.body["senderId"] for one in got]
        first = got[0].body
        assert (first["subAction"], first["type"]) == ("messageCreated", "received")
        assert (first["senderId"], first["recipientId"]) == (person, shop.account)
        assert first["conversationId"] == shop.conversation(person)
        assert first["refId"] == answer["refId"]

        again = shop.client.ask(
            "POST", "/hook/webhook", json={"action": "messages", "url": receivers.url("shop")}
        )
        assert again.json()["id"] == answer["id"]
        assert "secret" not in again.json()
        removed = shop.client.ask("DELETE", "/hook/webhook", json={"action": "messages"})
        assert removed.status_code == 200, removed.text
        assert shop.client.get("/hook/webhook")["webhooks"] == []

        archive = api.talk.running.archive()
        views = api.talk.running.settings.clickhouse_database + "_analytics"
        question = (
            f"SELECT event_id FROM {views}.webhook_deliveries"
            f" WHERE hook_id = '{answer['id']}' AND outcome = 'delivered'"
        )
        told = {one.event_id for one in got}
        api.talk.running.wait(
            lambda: {row[0] for row in archive.query(question).result_rows} >= told, 20, "log"
        )


def test_another_profiles_key_sees_and_removes_nothing(api: Api) -> None:
    shop, other = api.shop(), api.shop()
    body = {"action": "messages", "url": "http://127.0.0.1:9/x"}
    assert shop.client.ask("POST", "/hook/webhook", json=body).status_code == 200
    assert other.client.get("/hook/webhook")["webhooks"] == []
    assert other.client.ask("DELETE", "/hook/webhook", json=body).status_code == 404
    assert len(shop.client.get("/hook/webhook")["webhooks"]) == 1


def test_a_client_hears_what_happens_and_misses_nothing_while_it_was_away(api: Api) -> None:
    shop, other = api.shop(), api.shop()
    with listening(api, shop) as heard:
        shop.somebody_writes(text="first")
        other.somebody_writes(text="of another profile")
        shop.somebody_writes(text="second")
        api.talk.running.wait(lambda: len(heard.texts()) >= 2, 20, "live events")
        assert heard.texts() == ["first", "second"]
    [place] = [one["id"] for one in heard.events if "first" in one.get("data", "")]
    shop.somebody_writes(text="third")
    with listening(api, shop, last=place) as again:
        api.talk.running.wait(lambda: len(again.texts()) >= 2, 20, "what was missed")
        shop.somebody_writes(text="fourth")
        api.talk.running.wait(lambda: len(again.texts()) >= 3, 20, "what is new")
        assert again.texts() == ["second", "third", "fourth"]
    with listening(api, shop, last="another-log:4") as lost:
        api.talk.running.wait(lambda: bool(lost.events), 10, "gap")
        assert lost.events[0]["event"] == "gap"


def test_a_revoked_key_ends_its_stream(api: Api) -> None:
    shop = api.shop()
    key = api.key("read", profiles=(shop.client.profile,))
    record = asyncio.run(read_keys(api.talk.running.settings))[key_id_of(key) or ""]
    headers = {"authorization": f"Bearer {key}"}
    with api.http.stream("GET", "/events/stream", headers=headers, timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        asyncio.run(write_keys(api.talk.running.settings, [revoked(record, datetime.now(UTC))]))
        assert b"retry" in b"".join(response.iter_bytes())  # it ends


def test_streams_need_a_key_that_may_read_this_profile(api: Api) -> None:
    shop, other = api.shop(), api.shop()
    assert api.http.get("/events/stream").status_code == 401
    for key in (api.key("send"), api.key("read", profiles=(other.client.profile,))):
        headers = {"authorization": f"Bearer {key}", "profile-key": shop.client.profile}
        assert api.http.get("/events/stream", headers=headers).status_code == 403
