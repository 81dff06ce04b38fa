"""Whatever comes in: no exception, never nothing (invariant 2)."""

import time
from typing import Any

import orjson
import pytest

from schemas.events import parse_event
from schemas.webhooks import account_reference, normalise
from tests.unit.webhooks import reading
from tests.unit.webhooks.messenger_bodies import message

PROVIDERS = ("ayrshare", "meta", "x")
FIXTURES = [(provider, name) for provider in PROVIDERS for name in reading.names(provider)]


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
