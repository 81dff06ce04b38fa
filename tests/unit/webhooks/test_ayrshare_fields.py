"""Fields of Ayrshare's bodies that are broken or missing, and what each of them costs."""

import pytest

from tests.unit.webhooks import reading
from tests.unit.webhooks.ayrshare_said import IG, REF


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("id", [1], "id is not an id"),
        ("id", {"a": 1}, "id is not an id"),
        ("senderId", None, "senderId is missing"),
        ("senderId", True, "senderId is not an id"),
        ("created", "yesterday", "created is not an instant"),
        ("created", ["2026"], "created is not an instant"),
        ("message", ["a"], "message is not text"),
        ("message", {"text": {"a": 1}}, "message.text is not text"),
        ("attachments", "x", "attachments is not a list"),
        ("attachments", [5], "attachments[0] is not an object"),
        ("attachments", [{"type": "image", "payload": 5}], "attachments[0].payload is not"),
    ],
)
def test_a_broken_field_is_a_failure_that_names_it_and_not_its_value(
    field: str, value: object, place: str
) -> None:
    """Invariant 11."""
    body = reading.tree("ayrshare", "text_received") | {field: value}
    result = reading.normalised("ayrshare", body)
    assert result.events == ()
    assert [(f.stage, f.reason) for f in result.failures] == [("normalise", "bad_value")]
    assert result.failures[0].message.startswith(place)
    assert "yesterday" not in result.failures[0].message


def test_without_an_account_a_message_is_a_failure() -> None:
    body = reading.tree("ayrshare", "text_received")
    del body["recipientId"]
    result = reading.normalised("ayrshare", body)
    assert [failure.reason for failure in result.failures] == ["missing_account"]


@pytest.mark.parametrize("field", ["refId", "hookId", "conversationId", "senderDetails"])
def test_what_only_decorates_may_be_missing(field: str) -> None:
    body = reading.tree("ayrshare", "text_received")
    del body[field]
    event = reading.event("ayrshare", body)
    assert event.data.text == "Is the linen shirt back?"
    assert event.profileid == (IG if field == "refId" else REF)


def test_a_body_without_created_takes_the_receipt_s_time() -> None:
    body = reading.tree("ayrshare", "text_received")
    del body["created"]
    said = reading.essence(reading.event("ayrshare", body))
    assert (said["time"], said["time_estimated"]) == ("2026-10-29T14:33:09.500Z", True)


def test_a_read_that_tells_neither_message_nor_time_is_a_failure() -> None:
    body = reading.tree("ayrshare", "read")
    del body["created"]
    result = reading.normalised("ayrshare", body)
    assert result.failures[0].message.startswith("created is missing")
