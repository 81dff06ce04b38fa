"""Months as people in a zone count them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.conversation.instants import from_ms, to_ms
from streams.conversation.zones import is_zone, month_after, month_of

ZONES = [
    "UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/St_Johns", "Africa/Casablanca", "America/Asuncion", "Pacific/Apia", "Asia/Gaza",
    "America/Havana", "Antarctica/Troll", "Europe/Dublin",
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("UTC", "2026-12-01T00:00:00Z"),
        ("Pacific/Kiritimati", "2026-11-30T10:00:00Z"),  # 14 hours ahead
        ("America/Los_Angeles", "2026-12-01T08:00:00Z"),  # standard time
    ],
)
def test_the_months_first_millisecond(zone: str, first: str) -> None:
    at = to_ms(datetime.fromisoformat(first))
    assert (month_of(at - 1, zone), month_of(at, zone)) == ("2026-11", "2026-12")
    assert month_after("2026-11", zone) == at


def test_the_months_first_millisecond_around_a_change_of_the_clock() -> None:
    """Los Angeles: March begins in standard time and ends in summer time; November the reverse."""
    zone = "America/Los_Angeles"
    assert from_ms(month_after("2026-02", zone)) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert from_ms(month_after("2026-03", zone)) == datetime(2026, 4, 1, 7, tzinfo=UTC)
    assert from_ms(month_after("2026-10", zone)) == datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert from_ms(month_after("2026-11", zone)) == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "posix/Europe/Berlin", "right/UTC", "Europe", "../UTC", ""]
)
def test_what_only_this_machine_calls_a_zone_is_none(name: str) -> None:
    """Another machine, or ClickHouse, would count other months."""
    assert not is_zone(name)
    last = to_ms(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert month_of(last, name) == "2026-11", "what a log holds all the same counts as UTC"


def test_a_leap_day_belongs_to_february() -> None:
    assert (
        month_of(to_ms(datetime(2028, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC)), "UTC") == "2028-02"
    )
    assert month_after("2028-02", "UTC") - month_after("2028-01", "UTC") == 29 * 86_400_000
    assert month_after("2026-02", "UTC") - month_after("2026-01", "UTC") == 28 * 86_400_000


def test_the_year_ends_at_the_zones_midnight() -> None:
    at = to_ms(datetime(2026, 12, 31, 10, tzinfo=UTC))
    assert month_of(at - 1, "Pacific/Kiritimati") == "2026-12"
    assert month_of(at, "Pacific/Kiritimati") == "2027-01"
    assert month_after("2026-12", "Pacific/Kiritimati") == at


@given(
    st.datetimes(datetime(1980, 1, 3), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
def test_the_quick_way_gives_the_calendars_month(moment: datetime, zone: str) -> None:
    instant = moment.replace(tzinfo=UTC)
    local = instant.astimezone(ZoneInfo(zone))
    assert month_of(to_ms(instant), zone) == f"{local.year:04}-{local.month:02}"


@given(st.integers(1980, 2099), st.integers(1, 12), st.sampled_from(ZONES))
def test_the_month_after_begins_where_the_calendar_says(year: int, month: int, zone: str) -> None:
    this = f"{year:04}-{month:02}"
    following = f"{year + month // 12:04}-{month % 12 + 1:02}"
    first = month_after(this, zone)
    assert month_of(first, zone) == following
    assert month_of(first - 1, zone) == this


@given(st.datetimes(), st.sampled_from(ZONES))
def test_any_time_has_a_month(moment: datetime, zone: str) -> None:
    month = month_of(to_ms(moment.replace(tzinfo=UTC)), zone)
    assert month_after(month, zone) > 0


def test_names_of_zones_are_known_or_not() -> None:
    assert is_zone("Europe/Berlin")
    for name in ("", "Europe", "Mars/Olympus", "../etc/passwd", "a\0b", "x" * 5_000):
        assert not is_zone(name)


def test_an_unknown_zone_in_the_log_counts_as_utc() -> None:
    assert month_of(to_ms(datetime(2026, 12, 1, tzinfo=UTC)), "Mars/Olympus") == "2026-12"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_milliseconds_are_cut_and_never_rounded_up(moment: datetime) -> None:
    instant = moment.replace(tzinfo=UTC)
    back = from_ms(to_ms(instant))
    assert timedelta(0) <= instant - back < timedelta(milliseconds=1)
