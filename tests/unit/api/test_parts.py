"""The API's small parts: keys, rates, cursors, waits, media addresses."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.keys import KeyRecord
from streams.api import cursors, media, waiting
from streams.api.errors import Problem
from streams.api.performing import identify, may_be_pending
from streams.api.rates import RateLimiter
from streams.keys import KeyDirectory, key_id_of, make_key, matches, record_of, revoked
from streams.settings import Settings
from tests.unit.api.calls import NOW, Api

SETTINGS = Settings(_env_file=None)


def test_the_record_of_a_key_knows_the_key_and_does_not_hold_it() -> None:
    """Invariant 11: what is stored lets nobody in."""
    key, record = make_key(scopes=("read",), at=NOW)
    secret = key.split("_", 2)[2]
    assert matches(key, record)
    assert secret not in record.model_dump_json()
    assert key not in repr(record)
    assert not matches(key, None)
    assert not matches(key, revoked(record, NOW))
    assert not matches(make_key(scopes=("read",), at=NOW)[0], record)


@given(st.text())
def test_no_text_is_taken_for_a_key(text: str) -> None:
    _, record = make_key(scopes=("read",), at=NOW)
    assert not matches(text, record)
    assert key_id_of(text) is None or text.startswith("dms_")


def test_a_key_that_was_made_before_gets_its_record_again() -> None:
    key, _ = make_key(scopes=("read",), at=NOW)
    _, like = make_key(scopes=("admin",), at=NOW)
    assert matches(key, record_of(key, like))
    with pytest.raises(ValueError, match="DM_API_KEY"):
        record_of("nonsense", like)


def test_a_record_that_can_t_be_read_lets_nobody_in_any_more() -> None:
    key, record = make_key(scopes=("read",), at=NOW)
    directory = KeyDirectory.__new__(KeyDirectory)
    directory.records = {record.key_id: record}
    assert directory.find(key) == record
    directory._apply(record.key_id, b"{}")
    assert directory.find(key) is None


def test_a_revoked_key_stays_revoked_at_its_first_time() -> None:
    _, record = make_key(scopes=("read",), at=NOW)
    once = revoked(record, NOW)
    assert revoked(once, datetime(2030, 1, 1, tzinfo=UTC)) == once
    assert KeyRecord.model_validate_json(once.model_dump_json()) == once


def test_the_request_over_the_limit_is_over_and_the_next_period_begins_anew() -> None:
    limiter = RateLimiter(2, 300)
    rates = [limiter.count("k", "shop", None, now) for now in (0.0, 1.0, 2.0)]
    assert [rate.is_over for rate in rates] == [False, False, True]
    assert rates[2].retry_after == 298
    assert not limiter.count("k", "other", None, 2.0).is_over
    assert not limiter.count("k", "shop", None, 300.0).is_over
    assert limiter.count("k", "own", 1, 0.0).headers() == {
        "x-ratelimit-max": "1",
        "x-ratelimit-count": "1",
    }


@given(at=st.integers(-(2**61), 2**61), text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_leads_back_to_its_place_for_its_question_only(at: int, text: str) -> None:
    question = ["shop", "facebook", None]
    cursor = cursors.write(question, [at, text])
    if len(cursor) > 2000:
        return
    assert cursors.read(cursor, question, int, str) == [at, text]
    with pytest.raises(Problem):
        cursors.read(cursor, ["other", "facebook", None], int, str)
    with pytest.raises(Problem):
        cursors.read(cursor, question, str, str)


@given(st.text())
def test_any_text_as_a_cursor_is_refused_and_no_fault(text: str) -> None:
    with pytest.raises(Problem):
        cursors.read(text, ["shop"], int, str)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 10.0), ("wait=0", 0.0), ("wait=5", 5.0), ("Wait = 7", 7.0), ('wait="3"', 3.0),
        ("respond-async, wait=4", 4.0), ("respond-async", 0.0), ("wait=100", 60.0),
        ("wait=99999", 60.0), ("wait=100000000", 60.0), ("wait=-1", 10.0), ("wait=soon", 10.0),
        ("", 10.0), ("handling=lenient; wait=2", 10.0),
    ],
)  # fmt: skip
def test_how_long_a_request_waits(prefer: str | None, seconds: float) -> None:
    assert waiting.seconds(prefer, SETTINGS) == seconds


@pytest.mark.parametrize(
    "url",
    [
        "https://93.184.216.34/a.jpg",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/a.jpg",
        "https://a-name-that-nobody-has.invalid/a.jpg",
    ],
)
def test_public_addresses_pass_and_what_nobody_can_fetch_is_not_ours_to_judge(url: str) -> None:
    asyncio.run(media.check([url], allow_private=False))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg", "https://localhost/a.jpg", "https://[::1]/a.jpg",
        "https://[::ffff:10.0.0.1]/a.jpg", "https://[2002:7f00:1::]/a.jpg",
        "https://169.254.169.254/a.jpg", "https://100.64.0.1/a.jpg", "https://224.0.0.1/a.jpg",
        "https://127.1/a.jpg", "https://0x7f000001/a.jpg", "ftp://93.184.216.34/a.jpg",
        "https://u@93.184.216.34/a.jpg", "https://[/a.jpg", "https://x:99999/a.jpg", "a.jpg",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed_and_not_repeated(url: str) -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(media.check(["https://93.184.216.34/a.jpg", url], allow_private=False))
    assert "Media address 2" in refused.value.message
    assert url not in refused.value.message
    asyncio.run(media.check([url], allow_private=True))


def test_an_id_without_a_key_is_new_each_time_and_young_for_its_profile_only() -> None:
    resources = Api().resources
    made = {identify("shop", "send", None, {}, resources).command_id for _ in range(20)}
    assert len(made) == 20
    for command_id in made:
        assert may_be_pending("shop", command_id, resources)
        assert not may_be_pending("other", command_id, resources)
        assert not may_be_pending("shop", command_id[:-1], resources)


def test_the_mark_tells_bodies_apart_and_can_t_be_made_without_the_key() -> None:
    resources = Api().resources

    def mark(key: str, **body: Any) -> str | None:
        return identify("shop", "send", key, body, resources).mark

    assert mark("k", message="a") == mark("k", message="a")
    assert mark("k", message="a") != mark("k", message="b")
    assert mark("k", message="a") != mark("l", message="a")
