"""The delivery policy: each rule of the paragraph "Delivery", and properties over all of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.providers.protocol import ErrorClass, SendError
from streams.providers.retry import (
    DEFAULT_POLICY,
    Delay,
    Fail,
    Retry,
    Step,
    StopAccount,
    Unknown,
    before_attempt,
    next_step,
)

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EXPIRES = AT + timedelta(minutes=15)
NEVER_AGAIN = (
    ErrorClass.WINDOW_CLOSED,
    ErrorClass.THREAD_CONTROL,
    ErrorClass.RECIPIENT_UNAVAILABLE,
    ErrorClass.BAD_REQUEST,
)


def step(
    error_class: ErrorClass,
    attempt: int = 1,
    *,
    wait: float | None = None,
    retry_at: datetime | None = None,
    expires_at: datetime = EXPIRES,
    window: datetime | None = None,
) -> Step:
    error = SendError(error_class, "x", retry_after_seconds=wait, retry_at=retry_at)
    return next_step(error, attempt, AT, expires_at, window)


def test_transient_errors_are_retried_quickly_and_boundedly_then_slowly_then_not_at_all() -> None:
    steps = [step(ErrorClass.TRANSIENT, n, expires_at=AT + timedelta(days=1)) for n in range(1, 9)]
    assert steps[:2] == [Retry(0.5), Retry(1.0)]
    assert steps[2] == Delay(AT + timedelta(seconds=15), "conversation")
    assert all(isinstance(s, Delay) for s in steps[2:7])
    assert steps[7] == Fail("transient", "x")


def test_a_429_with_a_wait_of_seconds_is_waited_out_in_place() -> None:
    assert step(ErrorClass.RATE_LIMITED, wait=3) == Retry(3)


def test_a_429_is_not_waited_out_in_place_for_ever() -> None:
    assert step(ErrorClass.RATE_LIMITED, 3, wait=3) == Delay(AT + timedelta(seconds=3), "account")


def test_a_longer_wait_moves_the_account_s_sends_to_the_delayed_topic() -> None:
    assert step(ErrorClass.RATE_LIMITED, wait=120) == Delay(AT + timedelta(minutes=2), "account")
    reset = AT + timedelta(minutes=7)
    assert step(ErrorClass.RATE_LIMITED, retry_at=reset) == Delay(reset, "account")


def test_a_429_without_a_wait_waits_a_minute_and_doubles() -> None:
    assert step(ErrorClass.RATE_LIMITED) == Delay(AT + timedelta(seconds=60), "account")
    assert step(ErrorClass.RATE_LIMITED, 2) == Delay(AT + timedelta(seconds=120), "account")


def test_a_wait_beyond_the_command_s_time_fails_at_once_as_expired() -> None:
    result = step(ErrorClass.RATE_LIMITED, wait=15 * 60)
    assert isinstance(result, Fail)
    assert result.reason == "expired"
    assert isinstance(step(ErrorClass.RATE_LIMITED, wait=15 * 60 - 1), Delay)


def test_a_wait_beyond_the_reply_window_fails_as_window_closed() -> None:
    """Invariant 7: the window is checked for the next attempt, not only for the first."""
    window = AT + timedelta(minutes=5)
    result = step(ErrorClass.RATE_LIMITED, wait=300, window=window)
    assert isinstance(result, Fail)
    assert result.reason == "window_closed"
    assert isinstance(step(ErrorClass.RATE_LIMITED, wait=299, window=window), Delay)


def test_what_may_have_been_delivered_is_left_to_the_echo() -> None:
    """Invariant 8."""
    assert step(ErrorClass.MAYBE_DELIVERED) == Unknown("maybe_delivered", "x")
    expired = AT - timedelta(seconds=1)
    assert isinstance(step(ErrorClass.MAYBE_DELIVERED, expires_at=expired), Unknown)


@pytest.mark.parametrize("error_class", NEVER_AGAIN)
def test_other_refusals_are_never_retried(error_class: ErrorClass) -> None:
    assert step(error_class, wait=1) == Fail(error_class, "x")


def test_a_dead_token_stops_the_account_until_it_is_linked_again() -> None:
    assert step(ErrorClass.TOKEN_INVALID) == StopAccount("token_invalid", "x", until=None)


def test_a_restricted_account_rests_for_an_hour_or_as_long_as_the_platform_says() -> None:
    rests = step(ErrorClass.ACCOUNT_RESTRICTED)
    assert rests == StopAccount("account_restricted", "x", until=AT + timedelta(hours=1))
    said = step(ErrorClass.ACCOUNT_RESTRICTED, wait=600)
    assert isinstance(said, StopAccount)
    assert said.until == AT + timedelta(minutes=10)


def test_no_attempt_is_made_at_or_after_either_end() -> None:
    window = AT + timedelta(minutes=5)
    moment = timedelta(milliseconds=1)
    assert before_attempt(EXPIRES - moment, EXPIRES, None) is None
    expired = before_attempt(EXPIRES, EXPIRES, None)
    assert expired is not None
    assert expired.reason == "expired"
    assert before_attempt(window - moment, EXPIRES, window) is None
    closed = before_attempt(window, EXPIRES, window)
    assert closed is not None
    assert closed.reason == "window_closed"


INSTANTS = st.integers(-3600, 7 * 86400).map(lambda s: AT + timedelta(seconds=s))
ERRORS = st.builds(
    SendError,
    error_class=st.sampled_from(ErrorClass),
    message=st.just("x"),
    retry_after_seconds=st.none() | st.floats(0, 1e6),
    retry_at=st.none() | INSTANTS,
)


@settings(deadline=None)
@given(
    error=ERRORS,
    attempt=st.integers(1, 50),
    expires_at=INSTANTS,
    window=st.none() | INSTANTS,
    jitter=st.floats(0, 1),
)
def test_another_attempt_is_only_ever_planned_where_it_can_do_no_harm(
    error: SendError, attempt: int, expires_at: datetime, window: datetime | None, jitter: float
) -> None:
    """Invariants 7 and 8, over any error at any time."""
    result = next_step(error, attempt, AT, expires_at, window, jitter=jitter)
    if isinstance(result, Retry | Delay):
        assert error.error_class in (ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED)
        assert attempt < DEFAULT_POLICY.most_attempts
        again = result.until if isinstance(result, Delay) else AT + timedelta(seconds=result.after)
        assert again >= AT
        assert before_attempt(again, expires_at, window) is None
    if isinstance(result, Retry):
        assert result.after <= DEFAULT_POLICY.longest_quick_wait


@settings(deadline=None)
@given(error_class=st.sampled_from(ErrorClass), wait=st.none() | st.floats(0, 5))
def test_every_command_comes_to_an_end(error_class: ErrorClass, wait: float | None) -> None:
    """Invariant 6: whatever the platform keeps answering."""
    error = SendError(error_class, "x", retry_after_seconds=wait)
    for attempt in range(1, 100):
        result = next_step(error, attempt, AT, AT + timedelta(days=365), None)
        if not isinstance(result, Retry | Delay):
            return
    pytest.fail("it never ends")
