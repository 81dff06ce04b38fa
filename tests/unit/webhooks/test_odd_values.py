"""Characters, numbers, ids and depths that JSON allows and few expect: exact, or refused."""

import json
from typing import Any

import orjson
import pytest

from schemas.events import parse_event
from tests.unit.webhooks import reading
from tests.unit.webhooks.messenger_bodies import batch, message


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
