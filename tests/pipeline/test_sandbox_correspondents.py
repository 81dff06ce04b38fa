"""The people behind the sandbox: what they do comes back as signed webhooks."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.local import processes
from streams.providers.protocol import Sent
from tests.pipeline.provider_ways import TEXT, WAYS, Linked, Way, attempt, link
from tests.pipeline.sandbox import (
    SECRETS,
    Inbox,
    Received,
    Sandbox,
    digits,
    inbox,
    sandbox,
    wait_until,
)

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Inbox]]:
    """Everybody reads, reacts and replies, at once."""
    options = ["--delay", "0.02", "--reply-share", "1", "--reaction-share", "1"]
    with (
        inbox() as posts,
        sandbox(
            tmp_path_factory.mktemp("sandbox"),
            *["--gateway", f"http://127.0.0.1:{posts.port}", "--read-share", "1.1", *options],
        ) as found,
    ):
        yield found, posts


def is_signed(post: Received) -> bool:
    def digest(secret: str) -> bytes:
        return hmac.new(SECRETS[secret].encode(), post.raw, hashlib.sha256).digest()

    match post.path:
        case "/webhooks/meta":
            expected = "sha256=" + digest("DM_META_APP_SECRETS").hex()
            return post.headers["x-hub-signature-256"] == expected
        case "/webhooks/x":
            expected = "sha256=" + base64.b64encode(digest("DM_X_CONSUMER_SECRETS")).decode()
            return post.headers["x-twitter-webhooks-signature"] == expected
        case "/webhooks/ayrshare":
            assert post.headers["x-authorization-timestamp"].isdigit()
            expected = digest("DM_AYRSHARE_SECRETS").hex()
            return post.headers["x-authorization-content-sha256"] == expected
    return False


def sent(world: tuple[Sandbox, Inbox], way: Way) -> tuple[Linked, str, Sent, str]:
    linked, person = link(world[0], way), digits()
    outbound = linked.send(person)
    result = attempt(world[0], linked, outbound)
    assert isinstance(result, Sent)
    return linked, person, result, outbound.command_id


def wait_for(world: tuple[Sandbox, Inbox], person: str, **wanted: Any) -> dict[str, Any]:
    """The body of the webhook about that person that holds all these keys somewhere."""

    def fits(post: Received) -> bool:
        if person not in post.raw.decode():
            return False
        return all(_holds(post.body, key, value) for key, value in wanted.items())

    post = world[1].wait_for(fits)
    assert is_signed(post)
    return post.body


def _holds(value: Any, key: str, expected: Any) -> bool:
    if isinstance(value, dict):
        if key in value and (expected is ... or value[key] == expected):
            return True
        return any(_holds(inner, key, expected) for inner in value.values())
    if isinstance(value, list):
        return any(_holds(inner, key, expected) for inner in value)
    return False


def test_messenger_echoes_the_command_and_tells_delivery_reading_reaction_and_reply(
    world: tuple[Sandbox, Inbox],
) -> None:
    linked, person, result, command_id = sent(world, Way("meta", "facebook"))
    echo = wait_for(world, person, is_echo=True)
    item = echo["entry"][0]["messaging"][0]
    assert echo["object"] == "page"
    assert echo["entry"][0]["id"] == item["sender"]["id"] == linked.account_id
    assert item["recipient"]["id"] == person
    assert item["message"]["metadata"] == f"dm:{command_id}"
    assert item["message"]["mid"] == result.message_id
    assert item["message"]["text"] == TEXT
    wait_for(world, person, mids=[result.message_id])
    wait_for(world, person, read=...)
    wait_for(world, person, action="react", mid=result.message_id)
    wait_until(lambda: bool(world[0].kept(person, "correspondent")))
    reply = wait_for(world, person, mid=world[0].kept(person, "correspondent")[0]["message_id"])
    assert reply["entry"][0]["messaging"][0]["sender"]["id"] == person


@pytest.mark.parametrize("way", [WAYS[4], WAYS[5]], ids=lambda way: way.name)
def test_instagram_s_echo_names_neither_app_nor_metadata_and_reading_names_the_message(
    world: tuple[Sandbox, Inbox], way: Way
) -> None:
    _, person, result, _ = sent(world, way)
    echo = wait_for(world, person, is_echo=True)
    assert echo["object"] == "instagram"
    message = echo["entry"][0]["messaging"][0]["message"]
    assert message == {"mid": result.message_id, "text": TEXT, "is_echo": True}
    wait_for(world, person, read={"mid": result.message_id})


@pytest.mark.parametrize("way", WAYS[:2], ids=lambda way: way.name)
def test_ayrshare_tells_in_its_flat_form(world: tuple[Sandbox, Inbox], way: Way) -> None:
    linked, person, result, _ = sent(world, way)
    echo = wait_for(world, person, type="sent")
    assert echo["action"] == "messages"
    assert echo["subAction"] == "messageCreated"
    assert (echo["id"], echo["message"]) == (result.message_id, TEXT)
    assert (echo["senderId"], echo["recipientId"]) == (linked.account_id, person)
    assert echo["refId"] == f"ref-{linked.account_id}"
    wait_for(world, person, subAction="messageRead")
    wait_for(world, person, subAction="reactionCreated")
    wait_for(world, person, type="received", subAction="messageCreated")


def test_ayrshare_tells_of_x_in_the_same_form(world: tuple[Sandbox, Inbox]) -> None:
    linked, person, result, _ = sent(world, WAYS[2])
    echo = wait_for(world, person, id=result.message_id)
    assert (echo["action"], echo["platform"], echo["type"]) == ("messages", "twitter", "sent")
    assert (echo["senderId"], echo["recipientId"]) == (linked.account_id, person)


def test_x_tells_outgoing_read_and_reply_and_its_ids_hold_their_time(
    world: tuple[Sandbox, Inbox],
) -> None:
    linked, person, result, _ = sent(world, Way("x", "x"))
    echo = wait_for(world, person, id=result.message_id)
    assert echo["for_user_id"] == linked.account_id
    event = echo["direct_message_events"][0]
    assert event["message_create"]["sender_id"] == linked.account_id
    assert str((int(event["id"]) >> 22) + 1288834974657) == event["created_timestamp"]
    wait_for(world, person, last_read_event_id=result.message_id)
    wait_for(world, person, sender_id=person, message_data=...)


def test_what_was_kept_in_spite_of_an_error_is_echoed_all_the_same(
    world: tuple[Sandbox, Inbox],
) -> None:
    """That is how an unknown outcome is resolved."""
    linked, person = link(world[0], Way("meta", "facebook")), digits()
    world[0].post("faults", kind="reset_after", account=linked.account_id)
    outbound = linked.send(person)
    attempt(world[0], linked, outbound)
    wait_for(world, person, metadata=f"dm:{outbound.command_id}")


def test_somebody_can_be_made_to_write_first(world: tuple[Sandbox, Inbox]) -> None:
    person = digits()
    made = world[0].post(
        "write",
        provider="meta",
        platform="facebook",
        account_id="77",
        correspondent_id=person,
        text="Is it still there?",
    )
    body = wait_for(world, person, text="Is it still there?")
    assert body["entry"][0]["messaging"][0]["message"]["mid"] == made["message_id"]


def test_a_webhook_that_the_gateway_did_not_take_comes_again(
    world: tuple[Sandbox, Inbox],
) -> None:
    person = digits()
    world[1].refuse = 2
    made = world[0].post(
        "write",
        provider="x",
        platform="x",
        account_id="78",
        correspondent_id=person,
        text="Hello?",
    )
    wait_for(world, person, id=made["message_id"])


def sandbox_ends(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.sandbox", *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200"},
    )


def test_it_will_not_post_webhooks_that_nobody_could_trust() -> None:
    result = sandbox_ends("--gateway", "http://127.0.0.1:1")
    assert result.returncode != 0
    assert "DM_AYRSHARE_SECRETS" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_told_in_one_sentence(world: tuple[Sandbox, Inbox]) -> None:
    result = sandbox_ends("--port", str(world[0].port))
    assert result.returncode == 1
    assert "choose another with --port" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_stops_when_asked_even_while_an_answer_hangs(tmp_path: Path) -> None:
    port = processes.free_port()
    child = processes.start(
        [sys.executable, "-m", "streams.sandbox", "--port", str(port)],
        log_file=tmp_path / "sandbox.log",
    )
    wait_until(lambda: processes.is_listening(port))
    box = Sandbox(port)
    linked = link(box, Way("x", "x"))
    box.post("faults", kind="hang_after")
    caller = threading.Thread(target=attempt, args=(box, linked, linked.send("1")))
    caller.start()
    wait_until(lambda: bool(box.attempts("1")))
    assert processes.stop(child) == 0
    caller.join(20)
    assert not caller.is_alive()
