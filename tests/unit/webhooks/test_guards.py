"""The last lines of defence, and what readers forgive."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import data
from schemas.events import Event, parse_event
from schemas.failures import Failure
from schemas.webhooks import account_reference
from schemas.webhooks.building import collected, guarded
from schemas.webhooks.common import LATEST_MS, BadValueError, flag, from_milliseconds
from tests.unit.webhooks import reading

SECRET = "what somebody wrote"


def reader(error: Exception) -> Iterator[Event]:
    """Gives one event, then meets an error."""
    yield reading.event("meta", reading.body("meta", "messenger_text"))
    raise error


def bad_event() -> Exception:
    try:
        data.Receipt(provider="meta", account_id="1", correspondent_id="2", watermark_at=SECRET)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (BadValueError("a.b", "is missing"), "bad_value", "entry[0].a.b is missing;"),
        (bad_event(), "bad_value", "entry[0] gives an event whose watermark_at is bad;"),
        (KeyError(SECRET), "reader_fault", "entry[0] met a fault in dmstream's reader;"),
        (RecursionError(SECRET), "reader_fault", "entry[0] met a fault in dmstream's reader;"),
    ],
)
def test_whatever_a_reader_raises_is_a_failure_and_what_it_gave_before_stays(
    error: Exception, reason: str, message: str
) -> None:
    """Invariants 2 and 11: a fault of ours must not stop a worker, nor tell what was written."""
    good, failure = guarded("entry[0]", reader(error))
    assert not isinstance(good, Failure)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.error_class) == (reason, type(error).__name__)
    assert failure.message.startswith(message)
    assert SECRET not in failure.message


def test_the_place_in_a_failure_is_cut_where_keys_of_a_body_are_endless() -> None:
    body = {"for_user_id": "1", "x" * 5000 + "_events": [5]}
    message = reading.normalised("x", body).failures[0].message
    assert len(message) < 400


def test_failures_are_told_once_for_each_reason() -> None:
    def one(reason: str) -> Failure:
        return Failure("normalise", reason, f"{reason}.")

    outcomes = [one("a"), one("b"), one("a"), one("a")]
    assert collected(outcomes) == (
        (),
        (
            Failure("normalise", "a", "a. 2 more items of this body failed likewise."),
            Failure("normalise", "b", "b."),
        ),
    )


@given(st.integers(1, LATEST_MS - 1))
def test_every_millisecond_until_2100_is_exact(ms: int) -> None:
    instant = from_milliseconds(ms)
    assert instant.microsecond % 1000 == 0
    assert (instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 == pytest.approx(
        ms, abs=1e-3
    )


def test_a_flag_may_be_written_as_text_or_number_and_as_nothing_else() -> None:
    told = [flag({"f": value}, "f") for value in (True, "true", 1)]
    not_told = [flag({"f": value}, "f") for value in (False, None, "false", 0, 2, [1], {}, "yes")]
    assert all(told)
    assert not any(not_told)


def test_an_id_written_as_a_whole_float_is_that_number_if_it_is_exact() -> None:
    body = reading.tree("meta", "messenger_text")
    body["entry"][0]["messaging"][0]["sender"]["id"] = 6811223344556677.0
    assert reading.event("meta", body) == reading.event(
        "meta", reading.body("meta", "messenger_text")
    )


def test_a_number_where_text_is_expected_is_that_text() -> None:
    body = reading.tree("ayrshare", "text_received") | {"message": 5}
    assert reading.event("ayrshare", body).data.text == "5"


def unknown_with_a_broken_time(provider: str) -> Any:
    return {
        "meta": {
            "object": "page",
            "entry": [{"id": "1", "messaging": [{"timestamp": "soon", "hologram": 1}]}],
        },
        "x": {"for_user_id": "1", "follow_events": [{"created_timestamp": "soon"}]},
        "ayrshare": {"action": "feed", "created": "soon", "refId": "1"},
    }[provider]


@pytest.mark.parametrize("provider", ["meta", "x", "ayrshare"])
def test_an_unknown_kind_is_kept_even_if_its_time_is_broken(provider: Any) -> None:
    event = reading.event(provider, unknown_with_a_broken_time(provider))
    assert event.type == "dm.unrecognised.received.v1"
    assert event.time == event.receivedat


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("meta", b'{"object":"page","entry":{"id":"1"}}'),
        ("meta", b'{"object":"page","entry":[{"id":[1]}]}'),
        ("meta", b'{"object":"page","entry":[5,null]}'),
        ("x", b'{"for_user_id":{}}'),
        ("x", b'{"data":{"filter":5}}'),
        ("x", b'{"data":[]}'),
        ("ayrshare", b'{"refId":false}'),
    ],
)
def test_a_body_whose_account_can_t_be_read_has_no_key(provider: Any, body: bytes) -> None:
    assert account_reference(provider, body) == ""


def test_numbers_beyond_64_bits_in_an_odd_body_are_kept_digit_by_digit() -> None:
    text = json.dumps({"object": "x", "entry": [{"id": "1", "depth": 10**30, "odd": "NAN"}]})
    event = reading.event("meta", text.replace('"NAN"', "NaN").encode())
    assert event.data.item == {"id": "1", "depth": str(10**30), "odd": "NaN"}
    assert parse_event(event.to_json()) == event


def test_an_ayrshare_message_without_any_id_is_a_failure() -> None:
    body = reading.tree("ayrshare", "without_id")
    del body["conversationId"]
    assert reading.normalised("ayrshare", body).failures[0].message.startswith("id is missing")


def test_people_who_are_not_described_do_not_cost_a_message() -> None:
    for provider, name in (("ayrshare", "x_account_activity_message"), ("x", "aaa_text_received")):
        for users in ({}, [], None, {"1450880990": "Tomé"}, "x"):
            event = reading.event(provider, reading.tree(provider, name) | {"users": users})
            assert event.data.correspondent is None


def test_a_message_initiated_via_something_unknown_has_no_referral() -> None:
    body = reading.tree("x", "aaa_welcome_message")
    for via in ({}, {"moon": "1"}, "tweet", None):
        body["direct_message_events"][0]["initiated_via"] = via
        assert reading.event("x", body).data.referral is None
