"""Payloads of webhooks out: what we post in Ayrshare's form, our own reader of that form reads."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.events import Event
from schemas.hooks import HookRecord
from streams.hooks.directory import new_hook
from streams.hooks.payloads import body_of
from tests.unit.webhooks import reading

HOOK: HookRecord = new_hook(
    profileid="shop", action="messages", url="https://h.example.com/x", secret="0123456789abcdef",
    reference="7e1d0c9b8a7f6e5d4c3b2a190817263544352617", place=("log", 0),
    at=datetime(2026, 11, 22, tzinfo=UTC),
)  # fmt: skip

SAMPLES = [
    "text_received", "text_sent", "media_received_without_text", "edited", "reaction_created",
    "reaction_deleted", "read", "read_of_a_message", "deleted_under_message_created",
    "x_message_by_the_enterprise_option",
]  # fmt: skip


def said(event: Event) -> dict[str, Any]:
    """What happened, without what names the notice, and what only the other provider told."""
    found = orjson.loads(event.data.model_dump_json(exclude_none=True))
    return {
        "type": event.type,
        "time": event.time.replace(microsecond=0),
        "platform": event.platform,
        "subject": event.subject,
        **{key: value for key, value in found.items() if key != "external_conversation_id"},
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_each_kind_is_read_back_as_what_it_was(name: str) -> None:
    event = reading.event("ayrshare", reading.body("ayrshare", name))
    body = body_of(event, HOOK)
    assert body is not None
    assert said(reading.event("ayrshare", body)) == said(event)
    shape = orjson.loads(body)
    assert shape["hookId"] == event.id
    assert shape["refId"] == HOOK.reference
    assert shape["action"] == "messages"
    assert "profileKey" not in shape


def test_an_event_of_metas_is_told_in_the_same_form() -> None:
    event = reading.event("meta", reading.body("meta", "messenger_image"))
    body = orjson.loads(body_of(event, HOOK) or b"")
    assert body["subAction"] == "messageCreated"
    assert body["type"] == "received"
    assert body["attachments"][0]["type"] == "image"
    assert body["message"] == ""


@pytest.mark.parametrize("name", ["messenger_optin", "messenger_pass_thread_control"])
def test_what_the_action_does_not_tell_gives_nothing(name: str) -> None:
    for event in reading.events("meta", reading.body("meta", name)):
        assert body_of(event, HOOK) is None


def test_history_that_was_fetched_is_not_news() -> None:
    event = reading.event("meta", reading.body("meta", "messenger_text"))
    fetched = event.model_copy(update={"data": event.data.model_copy(update={"backfilled": True})})
    assert body_of(event, HOOK) is not None
    assert body_of(fetched, HOOK) is None
