"""Whatever comes in: no exception, never nothing, never a value in an error (invariants 2, 11)."""

import json
import time
from datetime import datetime
from typing import Any

import orjson
import pytest

from schemas.events import parse_event
from schemas.webhooks import account_reference, normalise
from schemas.webhooks.common import LATEST_MS, MAX_ID_LENGTH
from tests.unit.webhooks import reading

PROVIDERS = ("ayrshare", "meta", "x")
FIXTURES = [(provider, name) for provider in PROVIDERS for name in reading.names(provider)]


def message(**changes: Any) -> dict[str, Any]:
    """A Messenger body whose one item has these keys changed."""
    body = reading.tree("meta", "messenger_text")
    item = body["entry"][0]["messaging"][0]
    for key, value in changes.items():
        if value is ...:
            del item[key]
        else:
            item[key] = value
    return body


def batch(*broken: Any) -> dict[str, Any]:
    """A good item, broken ones, a good item."""
    body = reading.tree("meta", "messenger_text")
    good = body["entry"][0]["messaging"][0]
    last = {**good, "message": {"mid": "m_last", "text": "last"}}
    body["entry"][0]["messaging"] = [good, *broken, last]
    return body


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "unreadable"),
        (b"\x00\xff", "unreadable"),
        (b"hello", "unreadable"),
        (b'{"object":', "unreadable"),
        (b'"\xff"', "unreadable"),
        (b"\xff\xfe{\x00}\x00", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "unreadable"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"1e400", "not_an_object"),
        (b"9" * 5000, "not_an_object"),
    ],
)
def test_what_is_no_json_object_is_one_failure(provider: Any, raw: bytes, reason: str) -> None:
    """Invariant 2."""
    result = normalise(provider, raw, reading.RECEIVED_AT)
    assert result.events == ()
    assert [(f.stage, f.reason) for f in result.failures] == [("normalise", reason)]
    with pytest.raises(ValueError, match=r"JSON|nested"):
        account_reference(provider, raw)


@pytest.mark.parametrize("provider", ["sandbox", "", "META", "tiktok"])
def test_a_provider_without_a_reader_is_a_failure(provider: Any) -> None:
    result = normalise(provider, b"{}", reading.RECEIVED_AT)
    assert [f.reason for f in result.failures] == ["unknown_provider"]
    assert account_reference(provider, b"{}") == ""


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_object_of_no_known_form_is_kept(provider: Any) -> None:
    event = reading.event(provider, {"hello": "world"})
    assert event.type == "dm.unrecognised.received.v1"
    assert event.data.item == {"hello": "world"}
    assert event.profileid == ""


def test_a_receipt_time_without_a_zone_is_the_caller_s_error() -> None:
    with pytest.raises(ValueError, match="zone"):
        normalise("meta", b"{}", datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1793284387120, "2026-10-29T14:33:07.120Z"),
        ("1793284387120", "2026-10-29T14:33:07.120Z"),
        (1793284387120.0, "2026-10-29T14:33:07.120Z"),
        (1793284387, "2026-10-29T14:33:07.000Z"),
        ("1793284387", "2026-10-29T14:33:07.000Z"),
        (1793284387.12, "2026-10-29T14:33:07.120Z"),
        (99_999_999_999, None),  # the last that means seconds: the year 5138
        (100_000_000_000, "1973-03-03T09:46:40.000Z"),  # the first that means milliseconds
        ("2026-10-29T14:33:07Z", "2026-10-29T14:33:07.000Z"),
        ("2026-10-29T14:33:07.120999Z", "2026-10-29T14:33:07.120Z"),
        ("2026-10-29T16:33:07.120+02:00", "2026-10-29T14:33:07.120Z"),
        ("2026-10-29T09:33:07-0500", "2026-10-29T14:33:07.000Z"),
        ("2026-10-29T14:33:07", "2026-10-29T14:33:07.000Z"),
        (LATEST_MS - 1, "2099-12-31T23:59:59.999Z"),
        (1, "1970-01-01T00:00:01.000Z"),
        (LATEST_MS, None),
        ("2100-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("1969-12-31T23:59:59Z", None),
        (-1, None),
        (-1793284387120, None),
        (10**18, None),
        ("1" * 400, None),
        ("Infinity", None),
        ("now", None),
        ("२०२६", None),
        (True, None),
        ([1793284387120], None),
        ({"$date": 1}, None),
    ],
)
def test_times_in_every_form_and_absurd_ones(timestamp: object, expected: str | None) -> None:
    result = reading.normalised("meta", message(timestamp=timestamp))
    if expected is None:
        assert result.events == ()
        assert "entry[0].messaging[0].timestamp is not an instant" in result.failures[0].message
    else:
        assert reading.essence(result.events[0])["time"] == expected


def test_a_time_without_a_zone_is_utc_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        said = reading.essence(reading.event("meta", message(timestamp="2026-10-29T14:33:07")))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert said["time"] == "2026-10-29T14:33:07.000Z"


@pytest.mark.parametrize("missing", [..., None, 0, "", "0"])
def test_a_missing_time_is_taken_from_the_notice_and_marked(missing: object) -> None:
    said = reading.essence(reading.event("meta", message(timestamp=missing)))
    assert (said["time"], said["time_estimated"]) == ("2026-10-29T14:33:07.536Z", True)


@pytest.mark.parametrize("time_of_notice", [..., None, "soon", -5, [1]])
def test_without_any_time_the_receipt_s_is_taken_and_marked(time_of_notice: object) -> None:
    body = message(timestamp=...)
    if time_of_notice is ...:
        del body["entry"][0]["time"]
    else:
        body["entry"][0]["time"] = time_of_notice
    said = reading.essence(reading.event("meta", body))
    assert (said["time"], said["time_estimated"]) == ("2026-10-29T14:33:09.500Z", True)


def test_two_receipts_of_a_happening_without_a_time_have_one_id() -> None:
    """Invariant 3: the receipt's time is no part of an id."""
    body = reading.tree("meta", "messenger_reaction")
    del body["entry"][0]["messaging"][0]["timestamp"], body["entry"][0]["time"]
    raw = orjson.dumps(body)
    later = reading.RECEIVED_AT.replace(hour=20)
    first = normalise("meta", raw, reading.RECEIVED_AT).events[0]
    second = normalise("meta", raw, later).events[0]
    assert first.id == second.id
    assert first.time != second.time


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


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    """Meta writes escapes and cuts titles: `\\ud83d` alone does come."""
    raw = reading.body("meta", "messenger_text").replace(b"\\ud83e\\udde5", b"\\ud83e")
    event = reading.event("meta", raw)
    assert event.data.text == "Avez-vous encore la veste bleue ? \ufffd"
    assert parse_event(event.to_json()) == event
    broken_id = raw.replace(b'"m_Xy7Lq2', b'"\\udde5m_Xy7Lq2')
    assert reading.event("meta", broken_id).data.message_id.startswith("\ufffdm_Xy7")


def test_a_nul_character_survives_its_way_over_the_log() -> None:
    body = message(message={"mid": "m\x00id", "text": "a\x00b"})
    event = reading.event("meta", body)
    assert parse_event(event.to_json()) == event
    assert event.data.text == "a\x00b"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 4400])
def test_a_number_that_is_none_costs_only_its_item(number: str) -> None:
    broken = {"sender": {"id": "1"}, "timestamp": "NUMBER", "message": {"mid": "m"}}
    unknown = {"sender": {"id": "1"}, "depth": "NUMBER"}
    text = json.dumps(batch(broken, unknown)).replace('"NUMBER"', number)
    result = reading.normalised("meta", text.encode())
    assert len(result.events) == 3
    assert result.events[1].data.item["depth"] == number
    assert "entry[0].messaging[1].timestamp is not an instant" in result.failures[0].message
    for event in result.events:
        assert parse_event(event.to_json()) == event


def test_an_id_beyond_exact_numbers_is_refused_and_not_rounded() -> None:
    """Another message's id is worse than none."""
    raw = orjson.dumps(message(message={"mid": "MID"})).replace(b'"MID"', b"1" * 30)
    assert "message.mid is not an id" in reading.normalised("meta", raw).failures[0].message


def test_of_a_key_told_twice_the_last_counts() -> None:
    raw = orjson.dumps(message(message={"mid": "m1"})).replace(b'"m1"', b'"m0","mid":"m1"')
    assert reading.event("meta", raw).data.message_id == "m1"


@pytest.mark.parametrize("depth", [50, 90])
def test_an_unknown_item_nested_deep_is_kept_whole(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    event = reading.event("meta", message(message=..., hologram=nested))
    assert parse_event(event.to_json()).data.item["hologram"] == nested


@pytest.mark.parametrize("depth", [101, 500, 900])
def test_an_unknown_item_nested_deeper_than_the_log_can_hold_is_a_failure(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    raw = json.dumps(batch({"sender": {"id": "1"}, "hologram": "DEEP"}))
    deep = "[" * depth + "1" + "]" * depth
    result = reading.normalised("meta", raw.replace('"DEEP"', deep).encode())
    assert len(result.events) == 2
    assert "entry[0].messaging[1] is nested deeper" in result.failures[0].message


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**70), 10**39])
def test_big_numbers_of_unknown_items_survive_the_log(number: int) -> None:
    raw = json.dumps(message(message=..., hologram=number)).encode()
    event = reading.event("meta", raw)
    assert parse_event(event.to_json()) == event
    # Beyond 64 bits a JSON number is a float to most readers.
    assert float(event.data.item["hologram"]) == float(number)


def test_a_body_of_a_megabyte_is_read_in_time_and_does_not_grow() -> None:
    items = [
        {
            "sender": {"id": str(number)},
            "recipient": {"id": "204455667788990"},
            "timestamp": 1793284387120 + number,
            "message": {"mid": f"m_{number}", "text": "x" * 100},
        }
        for number in range(5000)
    ]
    raw = orjson.dumps({"object": "page", "entry": [{"id": "204455667788990", "messaging": items}]})
    began = time.perf_counter()
    found = reading.events("meta", raw)
    assert time.perf_counter() - began < 5
    assert len(found) == 5000
    one = reading.event("meta", message(message={"mid": "m", "text": "x" * 1_000_000}))
    assert len(one.to_json()) < 1_002_000


@pytest.mark.parametrize(("provider", "name"), FIXTURES)
def test_any_value_of_a_body_may_be_of_any_type(provider: Any, name: str) -> None:
    """Each place of each fixture in turn: null, a list, an object, text, numbers. Invariant 2."""
    for odd in (None, [], {}, [None], {"a": None}, "x", "", 0, -1, 1.5, True, 2**63, "\x00"):
        for changed in _with_one_place_changed(reading.tree(provider, name), odd):
            result = reading.normalised(provider, changed)
            assert result.events or result.failures
            assert all(f.reason != "reader_fault" for f in result.failures), changed
            for event in result.events:
                assert parse_event(event.to_json()) == event


def _with_one_place_changed(tree: Any, odd: Any) -> Any:
    """The tree with each of its values replaced, one at a time."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        tree[key] = odd
        yield tree
        tree[key] = value
        if isinstance(value, dict | list):
            yield from ((tree) for _ in _with_one_place_changed(value, odd))


@pytest.mark.parametrize(("provider", "name"), FIXTURES)
def test_a_body_without_any_one_of_its_keys_still_gives_something(provider: Any, name: str) -> None:
    """Invariant 2."""
    tree = reading.tree(provider, name)
    for holder, key in list(_keys(tree)):
        value = holder.pop(key)
        result = reading.normalised(provider, tree)
        assert result.events or result.failures
        assert all(f.reason != "reader_fault" for f in result.failures), key
        holder[key] = value


def _keys(tree: Any) -> Any:
    if isinstance(tree, dict):
        yield from ((tree, key) for key in tree)
    for value in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(value, dict | list):
            yield from _keys(value)


@pytest.mark.parametrize(("provider", "name"), FIXTURES)
def test_a_body_cut_off_anywhere_is_a_failure(provider: Any, name: str) -> None:
    """Invariant 2."""
    raw = reading.body(provider, name).rstrip()
    for end in range(0, len(raw) - 1, max(1, len(raw) // 60)):
        result = normalise(provider, raw[:end], reading.RECEIVED_AT)
        assert [f.reason for f in result.failures] == ["unreadable"]
