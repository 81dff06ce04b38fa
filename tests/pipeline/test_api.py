"""The REST API over the whole route: the pipeline is started, and all else happens over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Shop, refused, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline


WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(broker, embedded_clickhouse, tmp_path_factory.mktemp("api")) as found:
        yield found


def test_register_activate_link_receive_reply_read_archive_and_answer_by_itself(api: Api) -> None:
    shop = api.shop(title="The shop")
    client = shop.client
    person = shop.somebody_writes(text="Do you still have it in blue?")
    user = client.get("/user")
    assert (user["title"], user["messagingEnabled"]) == ("The shop", True)
    assert user["messagingConversationMonthlyCount"] == 1
    assert user["messagingConversationMonthlyLimit"] == 100
    assert [
        (one["platform"], one["id"], one["messagingActive"]) for one in user["displayNames"]
    ] == [("facebook", shop.account, True)]

    replied = client.send(recipientId=person, message="Yes, in blue.")
    assert replied.status_code == 200, replied.text
    answer = replied.json()
    assert {name: answer[name] for name in ("status", "recipientId", "message")} == {
        "status": "success",
        "recipientId": person,
        "message": "Yes, in blue.",
    }
    (kept,) = api.talk.box.kept(person)
    assert answer["messageId"] == kept["message_id"]

    history = client.get("/messages/facebook")
    assert [(m["action"], m["message"]) for m in history["messages"]] == [
        ("sent", "Yes, in blue."),
        ("received", "Do you still have it in blue?"),
    ]
    assert history["messagesCount"] == 2
    assert history["isCurrent"]
    sent, received = history["messages"]
    assert (sent["senderId"], sent["recipientId"]) == (shop.account, person)
    assert (received["senderId"], received["recipientId"]) == (person, shop.account)
    assert sent["id"] == kept["message_id"]

    conversation = sent["conversationId"]
    told = client.get(f"/conversations/{conversation}")
    assert told["canReply"]["allowed"]
    assert told["counts"] == {"messages": 2, "received": 1, "sent": 1, "autoSent": 0}

    archived = client.ask("PUT", f"/messages/facebook/{conversation}", json={"status": "archived"})
    assert archived.json() == {"status": "success"}
    assert client.get("/messages/facebook")["messages"] == []
    assert len(client.get("/messages/facebook", status="archived")["messages"]) == 2
    assert client.get(f"/conversations/{conversation}")["state"] == "archived"
    client.ask("PUT", f"/messages/facebook/{conversation}", json={"status": "active"})
    assert len(client.get("/messages/facebook")["messages"]) == 2

    assert client.get("/messages/autoresponse")["autoResponseActive"] is False
    changed = client.ask(
        "POST",
        "/messages/autoresponse",
        json={"autoResponseActive": True, "autoResponseMessage": "We are on it."},
    )
    assert changed.json() == {
        "status": "success",
        "updated": {
            "autoResponseActive": True,
            "autoResponseMessage": "We are on it.",
            "autoResponseWaitSeconds": 86_400,
        },
    }
    other = shop.somebody_writes()
    api.talk.running.wait(
        lambda: (
            [m["message"] for m in shop.history(other) if m["action"] == "sent"]
            == ["We are on it."]
        ),
        20,
        "automatic answer",
    )
    (automatic,) = [m for m in shop.history(other) if m["action"] == "sent"]
    assert automatic["origin"] == "auto"


@pytest.mark.parametrize(("given", "path"), [("twitter", "twitter"), ("x", "x")])
def test_x_is_called_twitter_as_ayrshare_does_and_understood_as_x(
    api: Api, given: str, path: str
) -> None:
    shop = api.shop()
    linked = shop.client.ask(
        "POST",
        "/profiles/social",
        json={"platform": given, "accountId": digits(), "provider": "x"},
    )
    assert linked.json()["platform"] == "twitter"
    assert shop.client.get(f"/messages/{path}")["messages"] == []


def test_each_refusal_carries_its_reason_a_sentence_and_what_would_change_it(api: Api) -> None:
    shop = api.shop()
    client = shop.client
    person = shop.somebody_writes()

    refused(client.send(recipientId=person, message="a" * 2001), 400, "invalid", 101)
    refused(client.send(recipientId=digits(), message="Hello"), 409, "not_initiated")

    client.ask("PATCH", "/profiles", json={"messagingActive": False})
    refused(client.send(recipientId=person, message="Hello"), 400, "messaging_inactive", 361)
    assert client.get("/user")["messagingEnabled"] is False
    client.ask("PATCH", "/profiles", json={"messagingActive": True})
    refused(client.send(recipientId=person, message="Hello"), 400, "relink_required", 362)
    shop.link()
    assert client.send(recipientId=person, message="Hello").status_code == 200
    client.ask("DELETE", "/profiles/social", json={"platform": "facebook"})
    refused(client.send(recipientId=person, message="Hello"), 400, "account_unlinked", 156)
    shop.link()

    api.talk.box.post("faults", kind="thread_control", recipient=person, next=1)
    refused(client.send(recipientId=person, message="Hello"), 409, "thread_control")
    body = refused(
        client.send(recipientId=person, message="Hello"), 409, "thread_controlled_elsewhere"
    )
    assert body["message"] == (
        "Message failed to send because another app is controlling this thread now"
    )
    assert datetime.fromisoformat(body["opensAt"]) > datetime.now(UTC)

    blocked = shop.somebody_writes()
    api.talk.box.post("faults", kind="blocked", recipient=blocked, next=1)
    refused(client.send(recipientId=blocked, message="Hello"), 409, "recipient_unavailable")
    refused(client.send(recipientId=blocked, message="Hello"), 409, "recipient_unavailable")

    third = shop.somebody_writes()
    client.ask("PATCH", "/profiles", json={"messagingConversationMonthlyLimit": 1})
    body = refused(client.send(recipientId=third, message="Hello"), 409, "monthly_limit_reached")
    opens = datetime.fromisoformat(body["opensAt"])
    assert (opens.day, opens.hour, opens.minute) == (1, 0, 0)
    assert opens > datetime.now(UTC)

    told = client.get(f"/conversations/{shop.conversation(third)}")["canReply"]
    assert (told["allowed"], told["reason"]) == (False, "monthly_limit_reached")
    assert told["opensAt"] == body["opensAt"]


def test_a_closed_window_tells_when_it_closed_and_an_open_one_when_it_will(api: Api) -> None:
    shop = api.shop("instagram")
    late = shop.somebody_writes(seconds_ago=WEEK + 5)
    body = refused(
        shop.client.send("instagram", recipientId=late, message="Hello"), 409, "reply_window_closed"
    )
    assert datetime.fromisoformat(body["expiresAt"]) < datetime.now(UTC)
    told = shop.client.get(f"/conversations/{shop.conversation(late)}")["canReply"]
    assert (told["allowed"], told["remainingSeconds"]) == (False, 0)
    assert told["expiresAt"] == body["expiresAt"]
    early = shop.somebody_writes(seconds_ago=WEEK - 600)
    told = shop.client.get(f"/conversations/{shop.conversation(early)}")["canReply"]
    assert told["allowed"]
    assert 0 < told["remainingSeconds"] <= 600


def test_who_does_not_wait_gets_202_and_asks_at_its_location(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    kept = shop.client.send(
        recipientId=person, message="Later.", headers={"prefer": "respond-async"}
    )
    assert kept.status_code == 202
    location = kept.headers["location"]
    assert kept.json()["outcome"] == "pending"
    api.talk.running.wait(
        lambda: shop.client.get(location)["outcome"] == "sent", 20, "outcome at its location"
    )
    told = shop.client.get(location)
    assert told["messageId"] == api.talk.box.kept(person)[0]["message_id"]
    missing = shop.client.ask("GET", "/commands/nothing-of-that-name")
    refused(missing, 404, "command_not_found")


def test_an_outcome_that_is_unknown_is_no_error_and_told_as_it_is(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes()
    api.talk.box.post("faults", kind="reset_before", recipient=person)
    answer = shop.client.send(recipientId=person, message="?", headers={"prefer": "wait=3"})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("unknown", "maybe_delivered")


def test_a_deleted_profile_is_shown_no_more_and_sends_nothing(api: Api) -> None:
    shop = api.shop(title="To be deleted")
    person = shop.somebody_writes()
    listed = [p["profileKey"] for p in api.client().get("/profiles")["profiles"]]
    assert shop.client.profile in listed
    deleted = shop.client.ask("DELETE", "/profiles")
    assert deleted.status_code == 200, deleted.text
    refused(shop.client.ask("GET", "/user"), 404, "profile_not_found")
    refused(shop.client.send(recipientId=person, message="Hello"), 404, "profile_not_found")
    listed = [p["profileKey"] for p in api.client().get("/profiles")["profiles"]]
    assert shop.client.profile not in listed


def test_what_one_gateway_was_told_another_answers(api: Api) -> None:
    """Several gateways behind a balancer: sends are waited for at one, and read at the other."""
    shop = api.shop()
    person = shop.somebody_writes()
    with api.second_gateway() as address, httpx.Client(base_url=address, timeout=30) as second:
        other = Shop(
            api,
            type(shop.client)(second, shop.client.key, shop.client.profile),
            "facebook",
            shop.account,
        )
        given = {"recipientId": person, "message": "Hi.", "headers": {"idempotency-key": "two"}}
        first = shop.client.send(**dict(given))
        again = other.client.send(**dict(given))
        assert first.status_code == again.status_code == 200, again.text
        assert first.json() == again.json()
        assert len(api.talk.box.kept(person)) == 1
        shop.client.ask(
            "PUT", f"/messages/facebook/{shop.conversation(person)}", json={"status": "archived"}
        )
        assert (
            other.client.get(f"/conversations/{shop.conversation(person)}")["state"] == "archived"
        )
        command = first.json()["commandId"]
        assert other.client.get(f"/commands/{command}")["outcome"] == "sent"
