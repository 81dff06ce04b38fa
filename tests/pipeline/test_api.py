"""The REST API over the whole route: the pipeline is started, and all else happens over HTTP."""

import asyncio
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sinks.reading.asking import Asking
from streams.agents.rules import rules_of
from streams.api import states
from streams.conversation.can_reply import can_reply
from streams.inspecting import inspect
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Client, Shop, serving
from tests.pipeline.sandbox import digits

pytestmark = pytest.mark.pipeline

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(broker, embedded_clickhouse, tmp_path_factory.mktemp("api")) as found:
        yield found


def refused(response: httpx.Response, status: int, reason: str, code: int | None = None) -> Any:
    assert response.status_code == status, response.text
    body = response.json()
    assert (body["status"], body["reason"]) == ("error", reason)
    assert body["code"] == (code or status)
    assert body["message"]
    return body


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


def test_pages_hold_each_message_once_newest_first_while_new_ones_arrive(api: Api) -> None:
    shop = api.shop()
    person, other = digits(), digits()
    for number in range(7):
        shop.somebody_writes(person if number % 2 else other, text=f"number {number}")
    whole = [m["id"] for m in shop.client.get("/messages/facebook")["messages"]]
    assert len(whole) == 7
    seen, following = [], None
    while True:
        page = shop.client.get(
            "/messages/facebook", limit=3, **({"next": following} if following else {})
        )
        seen += [m["id"] for m in page["messages"]]
        shop.somebody_writes(text="one more")
        following = page["meta"]["pagination"].get("next")
        if following is None:
            break
    assert seen == whole
    ids, following = [], None
    while True:
        page = shop.client.get(
            "/messages/facebook",
            conversationsOnly=True,
            limit=2,
            **({"next": following} if following else {}),
        )
        ids += page["conversationIds"]
        assert set(page["conversationsDetails"]) == set(page["conversationIds"])
        following = page["meta"]["pagination"].get("next")
        if following is None:
            break
    assert len(ids) == len(set(ids)) == 5
    assert ids[-1] in {shop.conversation(person), shop.conversation(other)}


def test_attachments_reactions_edits_deletions_and_receipts_are_in_the_history(api: Api) -> None:
    shop = api.shop()
    person = shop.somebody_writes(text="First.")
    (message,) = shop.history(person)
    now = int(time.time() * 1000)
    shop.webhook(
        person,
        message={
            "mid": f"m_{digits()}",
            "attachments": [{"type": "image", "payload": {"url": "https://cdn.example.com/a.jpg"}}],
        },
    )
    shop.webhook(
        person, reaction={"mid": message["id"], "action": "react", "emoji": "❤", "reaction": "love"}
    )
    shop.webhook(person, message_edit={"mid": message["id"], "text": "Second.", "num_edit": 1})
    sent = shop.client.send(recipientId=person, message="Read this.").json()
    shop.webhook(person, read={"watermark": now + 60_000})

    def complete() -> bool:
        found = {m["id"]: m for m in shop.history(person)}
        first = found[message["id"]]
        return (
            len(found) == 3
            and first.get("reactions") == {person: "❤"}
            and first.get("message") == "Second."
            and "read" in found[sent["messageId"]]
        )

    api.talk.running.wait(complete, 20, "all that was said of the messages")
    found = shop.history(person)
    (first,) = [m for m in found if m["id"] == message["id"]]
    assert first["versions"] == ["First.", "Second."]
    (with_media,) = [m for m in found if "attachments" in m]
    assert "message" not in with_media
    assert with_media["attachments"][0] == {"type": "image", "url": "https://cdn.example.com/a.jpg"}


def test_a_deleted_profile_is_shown_no_more_and_sends_nothing(api: Api) -> None:
    shop = api.shop(title="To be deleted")
    person = shop.somebody_writes()
    listed = [p["profileKey"] for p in api.client().get("/profiles")["profiles"]]
    assert shop.client.profile in listed
    deleted = shop.client.ask("DELETE", "/profiles")
    assert deleted.status_code == 200, deleted.text
    refused(shop.client.ask("GET", "/user"), 404, "profile_not_found")
    refused(shop.client.send(recipientId=person, message="Hello"), 400, "messaging_inactive", 361)
    listed = [p["profileKey"] for p in api.client().get("/profiles")["profiles"]]
    assert shop.client.profile not in listed


def test_profiles_are_listed_page_by_page(api: Api) -> None:
    made = {shop.client.profile for shop in (api.shop(), api.shop())}
    client, seen, following = api.client(), [], None
    while True:
        page = client.get("/profiles", limit=1, **({"next": following} if following else {}))
        seen += [profile["profileKey"] for profile in page["profiles"]]
        following = page.get("next")
        if following is None:
            break
    assert made <= set(seen)
    assert len(seen) == len(set(seen))


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


def test_the_archive_s_fold_gives_the_answer_of_the_worker_s_own_state(api: Api) -> None:
    """Invariant 4: for conversations of every kind, asked at one instant."""
    shop, settings = api.shop("instagram"), api.talk.running.settings
    people = [
        shop.somebody_writes(),
        shop.somebody_writes(seconds_ago=WEEK + 60),
        shop.somebody_writes(seconds_ago=WEEK - 60),
        shop.somebody_writes(),
    ]
    shop.client.send("instagram", recipientId=people[0], message="Hello")
    api.talk.box.post("faults", kind="thread_control", recipient=people[3], next=1)
    shop.client.send("instagram", recipientId=people[3], message="Hello")
    shop.client.ask("PATCH", "/profiles", json={"messagingConversationMonthlyLimit": 2})
    now = datetime.now(UTC)
    asking = Asking(settings)
    reasons = set()
    for person in people:
        name = shop.conversation(person)
        assert shop.client.get(f"/conversations/{name}")["isCurrent"]
        (worker,) = asyncio.run(inspect(settings, name, 0))
        profile = asyncio.run(states.profile(asking, shop.client.profile, now))
        conversation = asyncio.run(states.conversation(asking, shop.client.profile, name))
        wanted = can_reply(worker.profile, worker.conversation, now, rules_of(settings))
        assert can_reply(profile.state, conversation, now, rules_of(settings)) == wanted
        assert profile.state == worker.profile
        assert conversation is not None
        # The archive keeps one of two copies of a happening (our send's answer and its echo), and
        # who sends their time differs by milliseconds. Open sends are for the worker alone.
        same = {
            "open": (),
            "first_account_message_at": None,
            "last_account_message_at": None,
            "thread": None,
        }
        assert conversation.thread_control == worker.conversation.thread_control
        assert conversation._replace(**same) == worker.conversation._replace(**same)
        reasons.add(wanted.reason)
    asking.close()
    assert reasons == {None, "reply_window_closed", "thread_controlled_elsewhere"} or (
        "monthly_limit_reached" in reasons
    )


def test_the_readme_s_script_works_as_it_stands_there(api: Api) -> None:
    """With curl alone, on this pipeline's address and key."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.search(r"```\n(\. data/secrets\.env\napi\(\).*?)```", readme, re.DOTALL)
    assert found is not None
    script = found[1].replace(". data/secrets.env\n", "")
    script = script.replace("http://127.0.0.1:8080", str(api.http.base_url))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "DM_API_KEY": api.client().key, "PROFILE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, rest = [], done.stdout.strip()
    while rest:
        answer, end = json.JSONDecoder().raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    _, _, user, history, sent = answers
    assert user["displayNames"][0]["messagingActive"]
    assert history["messages"] == []
    assert sent["reason"] == "not_initiated"
