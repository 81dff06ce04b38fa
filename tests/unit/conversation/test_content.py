"""Malformed commands: the reason `invalid`, first of all."""

from typing import Any

import pytest

from schemas import data
from schemas.base import Platform, Provider
from schemas.commands import SendMessage
from streams.conversation.decide import decide
from streams.conversation.state import State
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    PROFILE,
    Worker,
    ago,
    linked,
    send,
    thread,
    worker,
    writes,
)  # fmt: skip


def talking(platform: Platform, provider: Provider | None = None) -> Worker:
    one = Worker()
    one.hear(*worker(platform).log)
    if provider is not None:
        one.hear(linked(platform, ago(hours=2), kind="account.unlinked"))
        one.hear(linked(platform, ago(hours=1), provider=provider))
    one.hear(writes(ago(minutes=5), platform, provider=provider))
    return one


def reason(platform: Platform, provider: Provider | None = None, **more: Any) -> str | None:
    return talking(platform, provider).reason(send(platform=platform, **more))


@pytest.mark.parametrize("text", [None, "", " \n\t"])
def test_a_message_without_text_and_media_is_invalid(text: str | None) -> None:
    assert reason("facebook", text=text) == "invalid"


@pytest.mark.parametrize(
    ("platform", "text", "expected"),
    [
        ("facebook", "a" * 2_000, None),
        ("facebook", "a" * 2_001, "invalid"),
        ("facebook", "ä" * 2_000, None),
        ("instagram", "a" * 1_000, None),
        ("instagram", "a" * 1_001, "invalid"),
        ("instagram", "ä" * 500, None),
        ("instagram", "ä" * 500 + "a", "invalid"),
        ("instagram", "😀" * 250, None),
        ("instagram", "😀" * 250 + "a", "invalid"),
        ("x", "😀" * 10_000, None),
        ("x", "a" * 10_001, "invalid"),
    ],
)
def test_texts_are_limited_by_characters_but_on_instagram_by_bytes(
    platform: Platform, text: str, expected: str | None
) -> None:
    assert reason(platform, text=text) == expected


@pytest.mark.parametrize(
    "url",
    ["ftp://host/a.jpg", "javascript:alert(1)//a.jpg", "//host/a.jpg", "https:///a.jpg",
     "https://[host/a.jpg", "a.jpg", "", "https://host/a b.jpg", "file:///etc/a.jpg"],
)  # fmt: skip
def test_media_come_from_http_addresses_only(url: str) -> None:
    assert reason("facebook", text=None, media_urls=(url,)) == "invalid"


@pytest.mark.parametrize(
    ("platform", "provider", "urls", "text", "expected"),
    [
        # Ayrshare: several images, a known extension, no query string on Facebook and Instagram
        ("instagram", "ayrshare", ("https://h/a.jpg", "https://h/b.PNG"), "with text", None),
        ("instagram", "ayrshare", ("https://h/a.jpg",), None, None),
        ("instagram", "ayrshare", ("https://h/a.jpg?x=1",), None, "invalid"),
        ("instagram", "ayrshare", ("https://h/a",), None, "invalid"),
        ("instagram", "ayrshare", ("https://h/a.exe",), None, "invalid"),
        ("instagram", "ayrshare", ("https://h/a.wav",), None, None),
        ("instagram", "ayrshare", ("https://h/a.mp4", "https://h/b.jpg"), None, "invalid"),
        ("facebook", "ayrshare", ("https://h/a.jpg",) * 10, None, None),
        ("facebook", "ayrshare", ("https://h/a.jpg",) * 11, None, "invalid"),
        # Ayrshare on X: one file, and text with it; a query string does no harm
        ("x", "ayrshare", ("https://h/a.jpg?x=1",), "text", None),
        ("x", "ayrshare", ("https://h/a.jpg",), None, "invalid"),
        ("x", "ayrshare", ("https://h/a.jpg", "https://h/b.jpg"), "text", "invalid"),
        ("x", "ayrshare", ("https://h/a.wav",), "text", "invalid"),
        # Meta: text or media; Messenger one file, Instagram ten images
        ("facebook", "meta", ("https://h/a.pdf?x=1",), None, None),
        ("facebook", "meta", ("https://h/a.jpg",), "text", "invalid"),
        ("facebook", "meta", ("https://h/a.jpg", "https://h/b.jpg"), None, "invalid"),
        ("instagram", "meta", ("https://h/a.jpg",) * 10, None, None),
        ("instagram", "meta", ("https://h/a.jpg",) * 11, None, "invalid"),
        ("instagram", "meta", ("https://h/a.jpg",), "text", "invalid"),
        # X: one attachment, with text or without
        ("x", "x", ("https://h/a.jpg",), None, None),
        ("x", "x", ("https://h/a.jpg",), "text", None),
        ("x", "x", ("https://h/a.jpg", "https://h/b.jpg"), None, "invalid"),
    ],
)
def test_media_are_checked_by_provider_and_platform(
    platform: Platform,
    provider: Provider,
    urls: tuple[str, ...],
    text: str | None,
    expected: str | None,
) -> None:
    assert reason(platform, provider, text=text, media_urls=urls) == expected


def test_invalid_comes_before_every_other_reason() -> None:
    assert Worker().reason(send(text=None)) == "invalid"


def test_a_command_names_a_conversation_or_platform_and_recipient() -> None:
    bare: dict[str, Any] = {"command_id": "c", "profileid": PROFILE, "issued_at": NOW, "text": "t"}
    one = worker()
    for incomplete in ({}, {"platform": "x"}, {"recipient_id": "5"}, {"conversation_id": ""}):
        command = SendMessage(**bare | incomplete | {"command_id": repr(incomplete)})
        assert one.reason(command) == "invalid"


def test_a_command_that_names_two_recipients_is_invalid() -> None:
    one = talking("facebook")
    assert one.reason(send("a", "facebook", recipient_id="someone else")) == "invalid"
    assert one.reason(send("b", "facebook").model_copy(update={"platform": "x"})) == "invalid"
    same = send("c", "facebook", recipient_id="555").model_copy(update={"platform": "facebook"})
    assert one.reason(same) is None


def test_a_command_that_had_expired_when_it_was_written_is_invalid_and_takes_no_rank() -> None:
    one = talking("facebook")
    assert one.reason(send("a", "facebook", expires_at=NOW)) == "invalid"


def test_the_providers_own_id_names_the_conversation_once_its_state_is_found() -> None:
    one = worker("facebook")
    one.hear(writes(ago(minutes=1), "facebook", external_conversation_id="t_77"))
    command = send(to="t_77")
    found = State(one.profile, one.conversation("facebook"))
    accepted = decide(found, command, NOW, one.rules)[-1]
    assert accepted.subject == thread("facebook", account=ACCOUNT)
    assert accepted.data.external_conversation_id == "t_77"


def test_a_providers_id_that_nobody_knows_is_not_initiated_and_named_in_the_rejection() -> None:
    (rejected,) = worker().do(send(to="t_404"))
    assert rejected.data.reason == "not_initiated"
    assert rejected.data.external_conversation_id == "t_404"
    assert rejected.subject is None


def test_no_sentence_holds_content() -> None:
    """Invariant 11."""
    secret = "hunter2-" * 2_000
    one = talking("facebook")
    commands = [
        send("a", "facebook", text=secret),
        send("b", "facebook", text=None, media_urls=(f"ftp://host/{secret}",)),
        send("c", "facebook", text=None, media_urls=(f"https://host/{secret}.exe",)),
        send("d", "facebook", text=None, media_urls=(f"https://[{secret}",)),
    ]
    for command in commands:
        (rejected,) = one.do(command)
        assert isinstance(rejected.data, data.SendRejected)
        assert rejected.data.reason == "invalid"
        assert "hunter2" not in rejected.model_dump_json()
