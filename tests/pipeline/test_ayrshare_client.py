"""A client that was written for Ayrshare's messages endpoints, with its base address changed.

What it sends, and what it looks for in the answers, is what Ayrshare documents and what published
handlers of its users read: names, types and statuses, field by field. Where Ayrshare documents
nothing (the errors of the rules) it reads what every error has: status, code, message.
"""

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Shop, serving
from tests.pipeline.subscribers import receiving

pytestmark = pytest.mark.pipeline

MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
BLUE = "Do you still have it in blue?"


@dataclass
class Ayrshare:
    """As users write it: bearer and Profile-Key, `source` in each body and query as the SDKs add
    it, and `r.json()` whatever the status."""

    http: httpx.Client
    api_key: str
    profile_key: str

    def _call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if self.profile_key:
            headers["Profile-Key"] = self.profile_key
        answer = self.http.request(method, path, headers=headers, **more)
        assert answer.headers["content-type"].startswith("application/json")
        if answer.status_code not in {401, 503}:
            assert int(answer.headers["x-ratelimit-max"]) >= 1
            assert int(answer.headers["x-ratelimit-count"]) >= 1
        return answer.status_code, answer.json()

    def get(self, path: str, **query: Any) -> Any:
        status, body = self._call("GET", path, params={**query, "source": "pypi"})
        assert status == 200, body
        return body

    def change(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        return self._call(method, path, json={**body, "source": "pypi"})

    def done(self, method: str, path: str, **body: Any) -> Any:
        status, answer = self.change(method, path, **body)
        assert (status, answer["status"]) == (200, "success"), answer
        return answer


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("ayrshare")
    with serving(broker, embedded_clickhouse, folder, hook_allow_private="true") as found:
        found.talk.running.start("webhooks")
        yield found


def client_of(shop: Shop) -> Ayrshare:
    return Ayrshare(shop.api.http, shop.client.key, shop.client.profile)


def test_profiles_are_made_and_changed_as_ayrshare_s(api: Api) -> None:
    key = api.client().key
    client = Ayrshare(api.http, key, "")
    made = client.done("POST", "/profiles", title="Acme", messagingActive=True)
    for name in ("title", "refId", "profileKey"):
        assert isinstance(made[name], str)
    assert (made["title"], made["messagingActive"]) == ("Acme", True)
    client.profile_key = made["profileKey"]
    changed = client.done("PATCH", "/profiles", messagingActive=False)
    assert changed["messagingActive"] is False
    deadline = time.monotonic() + 30  # it is read from the archive, which may be behind
    while "title" not in (user := client.get("/user")):
        assert time.monotonic() < deadline, user
        time.sleep(0.2)
    assert (user["title"], user["refId"]) == ("Acme", made["refId"])
    assert user["messagingEnabled"] is False
    assert type(user["messagingConversationMonthlyCount"]) is int
    assert user["activeSocialAccounts"] == user["displayNames"] == []
    created = user["created"]
    assert type(created["_seconds"]) is type(created["_nanoseconds"]) is int
    assert MILLISECONDS.fullmatch(created["utc"])


def test_a_message_is_sent_and_answered_field_by_field(api: Api) -> None:
    shop = api.shop()
    client, person = client_of(shop), shop.somebody_writes(text=BLUE)
    sent = client.done("POST", "/messages/facebook", recipientId=person, message="Yes. 👍")
    assert (sent["recipientId"], sent["message"]) == (person, "Yes. 👍")
    assert sent["messageId"] == api.talk.box.kept(person)[-1]["message_id"]

    media = ["https://93.184.216.34/blue.jpg"]
    for body in ({"mediaUrls": media}, {"message": "", "mediaUrls": media}):
        answer = client.done("POST", "/messages/facebook", recipientId=person, **body)
        assert isinstance(answer["messageId"], str)


def test_on_x_a_conversation_is_enough(api: Api) -> None:
    account = api.talk.account("x")
    person = api.talk.somebody_writes(account)
    client = Ayrshare(api.http, api.client().key, account.profile)
    api.talk.running.settled()
    sent = client.done(
        "POST", "/messages/twitter", conversationId=account.conversation(person), message="Yes."
    )
    assert isinstance(sent["messageId"], str)
    [received] = [
        one for one in client.get("/messages/twitter")["messages"] if one["action"] == "received"
    ]
    assert received["platform"] == "twitter"


def test_the_history_has_ayrshare_s_members_and_types(api: Api) -> None:
    shop = api.shop()
    client, person = client_of(shop), shop.somebody_writes(text=BLUE)
    picture = {"type": "image", "payload": {"url": "https://cdn.example.com/a.jpg"}}
    shop.webhook(person, message={"mid": f"m_{uuid.uuid4().hex}", "attachments": [picture]})
    [first] = [one for one in shop.history(person) if one.get("message") == BLUE]
    reaction = {"mid": first["id"], "action": "react", "emoji": "❤", "reaction": "love"}
    shop.webhook(person, reaction=reaction)
    client.done("POST", "/messages/facebook", recipientId=person, message="Yes.")
    api.talk.running.wait(
        lambda: (
            len(shop.history(person)) == 3
            and any("reactions" in one for one in shop.history(person))
        ),
        20,
        "the history",
    )
    answer = client.get("/messages/facebook", status="active")
    assert answer["status"] == "success"
    assert answer["messagesCount"] == len(answer["messages"]) == 3
    for name in ("lastUpdated", "nextUpdate"):
        assert MILLISECONDS.fullmatch(answer[name])
    for one in answer["messages"]:
        for name in ("id", "conversationId", "platform", "senderId", "recipientId"):
            assert isinstance(one[name], str)
            assert one[name]
        assert one["action"] in {"sent", "received"}
        assert one["platform"] == "facebook"
        assert MILLISECONDS.fullmatch(one["created"])
        assert isinstance(one["senderDetails"], dict)
    created = [one["created"] for one in answer["messages"]]
    assert created == sorted(created, reverse=True)
    [sent] = [one for one in answer["messages"] if one["action"] == "sent"]
    assert (sent["senderId"], sent["recipientId"]) == (shop.account, person)
    [bare] = [one for one in answer["messages"] if "attachments" in one]
    assert "message" not in bare  # as Ayrshare's items that are attachments alone
    assert bare["attachments"] == [{"type": "image", "url": "https://cdn.example.com/a.jpg"}]
    [liked] = [one for one in answer["messages"] if "reactions" in one]
    assert liked["reactions"] == {person: "❤"}

    conversation = sent["conversationId"]
    one = client.get("/messages/facebook", conversationId=conversation)
    assert one["messagesCount"] == 3
    only = client.get("/messages/facebook", conversationsOnly="true", conversationId="passed over")
    assert only["conversationIds"] == [conversation]
    assert set(only["conversationsDetails"]) == {conversation}
    assert "messages" not in only

    page = client.get("/messages/facebook", limit=2)
    following = page["meta"]["pagination"]["next"]
    rest = client.get("/messages/facebook", limit=2, next=following)
    assert [m["id"] for m in page["messages"] + rest["messages"]] == [
        m["id"] for m in answer["messages"]
    ]
    assert "next" not in rest["meta"]["pagination"]

    path = f"/messages/facebook/{conversation}"
    assert client.done("PUT", path, status="archived") == {"status": "success"}
    assert client.get("/messages/facebook")["messages"] == []
    assert client.get("/messages/facebook", status="archived")["messagesCount"] == 3
    assert client.done("PUT", path, status="active") == {"status": "success"}


def test_the_automatic_answer_has_ayrshare_s_three_fields_and_defaults(api: Api) -> None:
    client = client_of(api.shop())
    default = "Thank you for contacting us. A customer care agent will get back to you soon."
    first = client.get("/messages/autoresponse")
    fields = ("autoResponseActive", "autoResponseMessage", "autoResponseWaitSeconds")
    assert [first[name] for name in fields] == [False, default, 86_400]
    answer = client.done(
        "POST",
        "/messages/autoresponse",
        autoResponseActive=True,
        autoResponseMessage="Soon.",
        autoResponseWaitSeconds=60,
    )
    assert answer["updated"] == dict(zip(fields, (True, "Soon.", 60), strict=True))
    reset = client.done("POST", "/messages/autoresponse", autoResponseMessage="")
    assert reset["updated"] == dict(zip(fields, (True, default, 60), strict=True))
    status, body = client.change("POST", "/messages/autoresponse")
    assert (status, body["code"]) == (400, 101)


def test_a_webhook_is_registered_listed_and_removed_as_ayrshare_s(api: Api) -> None:
    shop = api.shop()
    client = client_of(shop)
    with receiving() as receivers:
        url = receivers.url("ayrshare")
        secret = "hook-secret-of-ayrshare"
        made = client.done("POST", "/hook/webhook", action="messages", url=url, secret=secret)
        assert (made["action"], made["url"]) == ("messages", url)
        assert made["refId"] == client.get("/user")["refId"]
        assert secret not in str(made)
        listed = client.get("/hook/webhook")
        assert (listed["status"], listed["messages"]) == ("success", url)
        assert MILLISECONDS.fullmatch(listed["messagesUpdated"])

        person = shop.somebody_writes(text=BLUE)
        api.talk.running.wait(lambda: bool(receivers.got["ayrshare"]), 20, "webhook")
        got = receivers.got["ayrshare"][0]
        body = got.body
        wanted = {
            "action": "messages", "subAction": "messageCreated", "type": "received",
            "platform": "facebook", "message": BLUE, "senderId": person,
            "recipientId": shop.account, "refId": made["refId"], "code": 200, "url": url,
            "attachments": [], "conversationId": shop.conversation(person),
        }  # fmt: skip
        assert {name: body[name] for name in wanted} == wanted
        assert isinstance(body["id"], str)
        assert isinstance(body["hookId"], str)
        assert MILLISECONDS.fullmatch(body["created"])
        assert got.headers["content-type"] == "application/json; charset=utf-8"
        assert int(got.headers["x-authorization-timestamp"]) > 1_700_000_000
        assert re.fullmatch(r"[0-9a-f]{64}", got.headers["x-authorization-content-sha256"])
        assert got.headers["x-ayrshare-delivery-attempt"] == "1"
        assert got.headers["x-ayrshare-delivery-id"]

        gone = client.done("DELETE", "/hook/webhook", action="messages")
        assert gone == {"status": "success", "action": "messages"}
        status, _ = client.change("POST", "/hook/webhook", action="messages", secret="")
        assert status == 400


def test_failures_carry_ayrshare_s_numbers_and_shape(api: Api) -> None:
    shop = api.shop()
    client, person = client_of(shop), shop.somebody_writes()

    def failed(status: int, code: int, **body: Any) -> Any:
        found, answer = client.change("POST", "/messages/facebook", **body)
        assert (found, answer["status"], answer["code"]) == (status, "error", code), answer
        assert isinstance(answer["message"], str)
        assert answer["message"]
        return answer

    failed(400, 101, message="nobody")
    failed(400, 101, recipientId=person)
    failed(400, 101, recipientId=5, message="Hello")
    client.done("PATCH", "/profiles", messagingActive=False)
    failed(400, 361, recipientId=person, message="Hello")
    client.done("PATCH", "/profiles", messagingActive=True)
    failed(400, 362, recipientId=person, message="Hello")
    client.done("DELETE", "/profiles/social", platform="facebook")
    answer = failed(400, 156, recipientId=person, message="Hello")
    assert "is not linked" in answer["message"]
    shop.link()
    api.talk.box.post("faults", kind="expired_token", recipient=person, next=1)
    assert failed(400, 161, recipientId=person, message="Hello")["platform"] == "facebook"

    status, body = Ayrshare(api.http, "no-key", "")._call("GET", "/user")
    assert (status, body["status"], body["code"]) == (401, "error", 401)
    status, body = client._call("GET", "/messages/whatsapp")
    assert (status, body["status"]) == (400, "error")
    limited = Ayrshare(api.http, api.key("read", rate=1), shop.client.profile)
    limited.get("/messages/facebook")
    status, body = limited._call("GET", "/messages/facebook")
    assert (status, body["status"], body["code"]) == (429, "error", 429)
    other = api.http.get("/messages/facebook", headers={"authorization": "Bearer x"})
    assert other.headers["content-type"].startswith("application/json")
