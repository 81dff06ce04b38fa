"""What holds for every body, drawn by hypothesis."""

import copy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import parse_event
from schemas.webhooks import account_reference, normalise
from tests.unit.webhooks import reading

providers = st.sampled_from(["ayrshare", "meta", "x"])

# Words that readers look for, so that drawn JSON gets past the first door.
words = st.sampled_from(
    [
        "object", "page", "instagram", "entry", "id", "time", "messaging", "standby", "changes",
        "field", "value", "sender", "recipient", "timestamp", "message", "mid", "text",
        "attachments", "payload", "type", "is_echo", "is_deleted", "delivery", "mids",
        "watermark", "read", "reaction", "action", "react", "emoji", "message_edit", "num_edit",
        "postback", "referral", "pass_thread_control", "new_owner_app_id", "messages",
        "subAction", "messageCreated", "messageRead", "reactionCreated", "received", "sent",
        "platform", "facebook", "twitter", "senderId", "recipientId", "created", "refId",
        "accountActivity", "directMessageEvents", "messageCreate", "social", "link",
        "for_user_id", "direct_message_events", "message_create", "sender_id", "target",
        "recipient_id", "message_data", "created_timestamp", "users", "data", "filter",
        "user_id", "event_type", "dm.received", "chat.received", "oauth.revoke", "payload",
        "conversation_id", "user_event", "revoke", "source", "date_time", "event_uuid",
        "direct_message_mark_read_events", "last_read_event_id", "1:2", "1793284387120",
    ]
)  # fmt: skip
keys = words | st.text(max_size=3)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    words,
    st.text(max_size=5),
)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
ids = st.integers(min_value=1, max_value=10**17)


def holds(provider: Any, raw: bytes) -> None:
    """Never an exception, never nothing, never a fault; events survive the log."""
    result = normalise(provider, raw, reading.RECEIVED_AT)
    assert result.events or result.failures
    assert len({event.id for event in result.events}) == len(result.events)
    assert all(failure.reason != "reader_fault" for failure in result.failures)
    for event in result.events:
        assert parse_event(event.to_json()) == event


@given(providers, st.binary(max_size=200))
def test_arbitrary_bytes_give_something(provider: Any, raw: bytes) -> None:
    """Invariant 2."""
    holds(provider, raw)


@given(providers, st.dictionaries(keys, json, max_size=6))
@settings(deadline=None)
def test_arbitrary_json_gives_something(provider: Any, body: dict[str, Any]) -> None:
    """Invariant 2."""
    holds(provider, orjson.dumps(body))
    account_reference(provider, orjson.dumps(body))


@given(st.data())
@settings(deadline=None)
def test_a_fixture_with_parts_exchanged_for_anything_gives_something(data: st.DataObject) -> None:
    """Invariant 2."""
    provider: Any = data.draw(providers)
    tree = reading.tree(provider, data.draw(st.sampled_from(reading.names(provider))))
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = tree
        while isinstance(place, dict | list) and place:
            steps = sorted(place) if isinstance(place, dict) else range(len(place))
            step = data.draw(st.sampled_from(list(steps)))
            inner = place[step]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                place[step] = data.draw(json)
                break
            place = inner
    holds(provider, orjson.dumps(tree))


@given(st.data())
def test_a_fixture_with_bytes_exchanged_gives_something(data: st.DataObject) -> None:
    """Invariant 2."""
    provider: Any = data.draw(providers)
    raw = bytearray(reading.body(provider, data.draw(st.sampled_from(reading.names(provider)))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    holds(provider, bytes(raw))


def an_item(sender: Any, page: Any, at: Any, kind: str) -> dict[str, Any]:
    item: dict[str, Any] = {"sender": {"id": sender}, "recipient": {"id": page}, "timestamp": at}
    bodies: dict[str, dict[str, Any]] = {
        "message": {"mid": f"m_{sender}", "text": "hello"},
        "message_edit": {"mid": f"m_{sender}", "text": "hallo", "num_edit": 1},
        "read": {"watermark": at},
        "delivery": {"mids": [f"m_{sender}"], "watermark": at},
        "reaction": {"mid": f"m_{sender}", "action": "react", "emoji": "x"},
        "postback": {"title": "t"},
        "referral": {"ref": "r", "source": "SHORTLINK"},
        "take_thread_control": {"new_owner_app_id": 5},
        "hologram": {"depth": 1},
    }
    return item | {kind: bodies[kind]}


KINDS = st.sampled_from(
    [
        "message", "message_edit", "read", "delivery", "reaction", "postback", "referral",
        "take_thread_control", "hologram",
    ]
)  # fmt: skip
items = st.builds(
    an_item, st.integers(1, 4), st.just(99), st.integers(1793284387000, 1793284387003), KINDS
)


@given(ids, ids, st.integers(10**11, 4 * 10**12), KINDS.filter(lambda kind: kind != "hologram"))
def test_ids_and_times_as_numbers_or_text_give_the_same_event(
    sender: int, page: int, at: int, kind: str
) -> None:
    """Invariant 3."""

    def read(sender: Any, page: Any, at: Any) -> Any:
        entry = {"id": page, "messaging": [an_item(sender, page, at, kind)]}
        return reading.event("meta", {"object": "page", "entry": [entry]})

    assert read(sender, page, at) == read(str(sender), str(page), str(at))


@given(st.lists(items, max_size=8), st.data())
def test_the_order_of_entries_channels_and_items_does_not_change_the_events(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Invariants 3 and 5: the set of events is a function of the set of items."""

    def read(order: list[tuple[dict[str, Any], str]]) -> Any:
        entries = [{"id": 99, channel: [copy.deepcopy(item)]} for item, channel in order]
        found = reading.events("meta", {"object": "page", "entry": entries})
        return sorted(found, key=lambda event: event.id)

    placed = [(item, data.draw(st.sampled_from(["messaging", "standby"]))) for item in drawn]
    if placed:
        assert read(placed) == read(data.draw(st.permutations(placed)))
        assert read(placed) == read(placed + placed)


@given(st.lists(items, min_size=1, max_size=6))
def test_a_batch_gives_what_its_items_give_alone(drawn: list[dict[str, Any]]) -> None:
    """Batching is the platform's affair: it must not change what is read."""
    alone = {event.id for item in drawn for event in reading.events("meta", _page(item))}
    together = {event.id for event in reading.events("meta", _page(*drawn))}
    assert together == alone


def _page(*messaging: dict[str, Any]) -> dict[str, Any]:
    return {"object": "page", "entry": [{"id": "99", "messaging": list(messaging)}]}
