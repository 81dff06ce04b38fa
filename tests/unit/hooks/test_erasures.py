"""What may be told of somebody who was erased."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from schemas import data
from schemas.events import CorrespondentErased, MessageReceived, SendAccepted, parse_event
from schemas.hooks import HookRecord
from sinks.redaction import without_content
from streams.hooks.directory import new_hook
from streams.hooks.erasures import Erasures
from streams.hooks.payloads import body_of
from tests.unit.agents.test_hook_lane import Record

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def message(at: datetime = NOW, received: datetime | None = None) -> MessageReceived:
    return MessageReceived(
        id="e", source="/t", time=at, receivedat=received or at, profileid="shop",
        platform="facebook", subject="facebook:1:2",
        data=data.Message(
            provider="meta", account_id="1", correspondent_id="2", message_id="m",
            text="I live in Rose Street 7",
            correspondent=data.Person(name="Rose", username="rose7"),
            attachments=(
                data.Attachment(
                    type="image", platform_type="image", url="https://cdn.example.com/me.jpg"
                ),
            ),
        ),
    )  # fmt: skip


def erased(at: datetime = NOW, profile: str = "shop") -> CorrespondentErased:
    return CorrespondentErased(
        id="x", source="/t", time=at, receivedat=at, profileid=profile, platform="facebook",
        subject="facebook:1:2",
        data=data.CorrespondentErased(provider="meta", account_id="1", correspondent_id="2"),
    )  # fmt: skip


def hook() -> HookRecord:
    return new_hook(
        profileid="shop", action="messages", url="https://h.example.com/", secret="0123456789",
        reference="r", place=("log", 0), at=NOW,
    )  # fmt: skip


def noted(*events: Any) -> Erasures:
    found = Erasures()
    found.note([Record(n, b"shop", event.to_json()) for n, event in enumerate(events)])
    return found


def test_what_happened_or_was_heard_of_up_to_the_erasure_is_covered_and_later_is_not() -> None:
    known = noted(erased())
    assert known.covers(message())
    assert known.covers(message(NOW - SECOND))
    assert known.covers(message(NOW - SECOND, NOW + SECOND))
    assert not known.covers(message(NOW + SECOND))
    assert not noted(erased(profile="another")).covers(message())
    assert not noted(message()).covers(message())


def test_the_latest_erasure_of_a_conversation_counts() -> None:
    known = noted(erased(NOW), erased(NOW - SECOND))
    assert known.covers(message(NOW))


def test_a_webhook_of_an_erased_event_keeps_ids_and_loses_content() -> None:
    whole = message()
    bare = parse_event(without_content(whole.to_json()))
    body = orjson.loads(body_of(bare, hook()) or b"")
    assert (body["id"], body["hookId"], body["senderId"]) == ("m", "e", "2")
    assert (body["message"], body["attachments"]) == ("", [])
    assert "senderDetails" not in body
    for content in (b"Rose", b"rose7", b"cdn.example.com"):
        assert content in whole.to_json()
        assert content not in bare.to_json()


@pytest.mark.parametrize("value", [b"", b"{}", b'"dm.correspondent.erased.v1"', b"\xff"])
def test_what_is_no_erasure_changes_nothing(value: bytes) -> None:
    known = Erasures()
    assert not known.note([Record(0, b"shop", value)])
    assert not known


def test_an_accepted_send_loses_its_text() -> None:
    send = SendAccepted(
        id="s", source="/t", time=NOW, receivedat=NOW, profileid="shop", platform="facebook",
        subject="facebook:1:2",
        data=data.SendAccepted(
            provider="meta", account_id="1", correspondent_id="2", command_id="c",
            month="2026-11", rank=1, text="Rose Street", expires_at=NOW,
        ),
    )  # fmt: skip
    assert b"Rose" not in without_content(send.to_json())
