"""Histories, pages and listings over the REST API."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sinks.reading.asking import Asking
from streams.agents.rules import rules_of
from streams.api import states
from streams.conversation.can_reply import can_reply
from streams.inspecting import inspect
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, serving
from tests.pipeline.sandbox import digits

WEEK = 7 * 24 * 3600


pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def api(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(broker, embedded_clickhouse, tmp_path_factory.mktemp("reading")) as found:
        yield found


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
