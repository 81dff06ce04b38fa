"""Times in every form, absurd and missing ones (invariant 3)."""

import time
from datetime import datetime

import orjson
import pytest

from schemas.webhooks import normalise
from schemas.webhooks.common import LATEST_MS
from tests.unit.webhooks import reading
from tests.unit.webhooks.messenger_bodies import message


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
