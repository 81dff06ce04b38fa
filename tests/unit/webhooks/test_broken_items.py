"""What is broken costs only itself, and no value of it is told (invariants 2, 11)."""

from typing import Any

import pytest

from schemas.webhooks.common import MAX_ID_LENGTH
from tests.unit.webhooks import reading
from tests.unit.webhooks.messenger_bodies import batch


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (5, "entry[0].messaging[1] is not an object"),
        (None, "entry[0].messaging[1] is not an object"),
        ([{}], "entry[0].messaging[1] is not an object"),
        ({"sender": "1", "message": {"mid": "m"}}, "entry[0].messaging[1].sender is not an obj"),
        ({"sender": {"id": []}, "message": {"mid": "m"}}, "entry[0].messaging[1].sender.id is not"),
        ({"sender": {"id": 1.5}, "message": {"mid": "m"}}, "entry[0].messaging[1].sender.id is no"),
        ({"sender": {}, "message": {"mid": "m"}}, "entry[0].messaging[1].sender.id is missing"),
        ({"sender": {"id": 1}, "message": []}, "entry[0].messaging[1].message is not an object"),
        ({"sender": {"id": 1}, "message": {}}, "entry[0].messaging[1].message.mid is missing"),
        (
            {"sender": {"id": 1}, "message": {"mid": "m" * (MAX_ID_LENGTH + 1)}},
            "entry[0].messaging[1].message.mid is longer than",
        ),
        (
            {"sender": {"id": 1}, "message": {"mid": "m", "text": {"secret": "text"}}},
            "entry[0].messaging[1].message.text is not text",
        ),
        (
            {"sender": {"id": 1}, "message": {"mid": "m", "reply_to": {"story": 7}}},
            "entry[0].messaging[1].message.reply_to.story is not an object",
        ),
        (
            {"sender": {"id": 1}, "delivery": {"mids": "m", "watermark": 1793284387120}},
            "entry[0].messaging[1].delivery.mids is not a list",
        ),
        (
            {"sender": {"id": 1}, "timestamp": 1793284387120, "read": {}},
            "entry[0].messaging[1].read names neither",
        ),
        (
            {"sender": {"id": 1}, "reaction": {"mid": "m", "action": "wave"}},
            "entry[0].messaging[1].reaction.action is neither",
        ),
        ({"sender": {"id": 1}, "message_edit": {}}, "entry[0].messaging[1].message_edit.mid is"),
    ],
)
def test_a_broken_item_is_a_failure_and_its_neighbours_are_events(broken: Any, place: str) -> None:
    """Invariants 2 and 11."""
    result = reading.normalised("meta", batch(broken))
    assert [event.data.text for event in result.events] == [
        "Avez-vous encore la veste bleue ? 🧥",
        "last",
    ]
    assert [(f.stage, f.reason) for f in result.failures] == [("normalise", "bad_value")]
    assert result.failures[0].message.startswith(place)
    assert "secret" not in result.failures[0].message


def test_a_broken_mid_in_a_delivery_costs_only_itself() -> None:
    body = reading.tree("meta", "messenger_delivery_with_mids")
    body["entry"][0]["messaging"][0]["delivery"]["mids"] = ["m_1", 7, None, "m_2", {}]
    result = reading.normalised("meta", body)
    assert [event.data.message_id for event in result.events] == ["m_1", "7"]
    assert "delivery.mids[2] is missing" in result.failures[0].message


def test_many_broken_items_are_one_failure_that_counts_them() -> None:
    """A failure is stored with the whole body: a thousand would be a thousand copies."""
    result = reading.normalised("meta", batch(*[{"sender": 5, "message": {"mid": "m"}}] * 999))
    assert len(result.events) == 2
    assert len(result.failures) == 1
    assert "998 more items" in result.failures[0].message


@pytest.mark.parametrize("channel", ["messaging", "standby", "changes"])
@pytest.mark.parametrize("value", [{}, {"a": 1}, "x", 5, True])
def test_a_channel_that_is_no_list_does_not_cost_its_neighbour(channel: str, value: Any) -> None:
    body = reading.tree("meta", "messenger_text")
    entry = body["entry"][0]
    entry["messaging_handovers"] = entry.pop("messaging")
    entry[channel] = value
    result = reading.normalised("meta", body)
    assert len(result.events) == 1
    assert result.failures[0].message.startswith(f"entry[0].{channel} is not a list")


@pytest.mark.parametrize("entry", [5, None, "x", [], True])
def test_an_entry_that_is_no_object_does_not_cost_its_neighbour(entry: Any) -> None:
    body = reading.tree("meta", "messenger_text")
    body["entry"].insert(0, entry)
    result = reading.normalised("meta", body)
    assert len(result.events) == 1
    assert result.failures[0].message.startswith("entry[0] is not an object")


def test_an_entry_without_an_account_is_a_failure_of_its_own_kind() -> None:
    body = reading.tree("meta", "messenger_batch_of_two_pages")
    del body["entry"][0]["id"]
    result = reading.normalised("meta", body)
    assert len(result.events) == 3
    assert [f.reason for f in result.failures] == ["missing_account"]
