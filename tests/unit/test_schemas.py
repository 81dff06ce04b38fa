"""The contracts other teams read."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from schemas import data
from schemas.base import conversation_id, to_milliseconds
from schemas.events import MessageReceived, parse_event
from schemas.ids import event_id

AT = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)


def a_message() -> MessageReceived:
    return MessageReceived(
        id=event_id("meta", "1", "message", "m_1"),
        source="/dmstream/meta/1",
        time=AT,
        subject=conversation_id("facebook", "1", "2"),
        profileid="p",
        platform="facebook",
        receivedat=AT,
        data=data.Message(
            provider="meta", account_id="1", correspondent_id="2", message_id="m_1", text="é"
        ),
    )


def test_an_event_survives_its_way_over_the_log() -> None:
    assert parse_event(a_message().to_json()) == a_message()


def test_times_are_written_in_utc_with_milliseconds_and_absent_values_are_left_out() -> None:
    written = orjson.loads(a_message().to_json())
    assert written["time"] == "2026-11-22T14:33:07.120Z"
    assert written["type"] == "dm.message.received.v1"
    assert "causationid" not in written
    assert "app_id" not in written["data"]


def test_an_old_reader_passes_over_attributes_of_a_new_writer() -> None:
    newer = orjson.loads(a_message().to_json()) | {"traceparent": "00-..."}
    assert parse_event(orjson.dumps(newer)) == a_message()


def test_the_id_of_a_happening_does_not_depend_on_when_we_heard_of_it_but_on_the_account() -> None:
    assert event_id("meta", "1", "message", "m_1") == event_id("meta", "1", "message", "m_1")
    assert event_id("meta", "2", "message", "m_1") != event_id("meta", "1", "message", "m_1")
    assert event_id("x", "1", "ab", "c") != event_id("x", "1", "a", "bc")


def test_an_instant_is_brought_to_utc_and_cut_to_milliseconds() -> None:
    there = datetime(2026, 1, 1, 1, 0, 0, 1999, tzinfo=timezone(timedelta(hours=1)))
    assert to_milliseconds(there) == datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_milliseconds(datetime(2026, 1, 1))  # noqa: DTZ001
