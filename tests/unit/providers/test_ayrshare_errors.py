"""Ayrshare's errors: its own codes, what it passes on from upstream, its statuses."""

from typing import Any

import orjson
import pytest

from streams.providers.ayrshare import classify_error
from streams.providers.protocol import ErrorClass, SendError


def classify(body: Any, status: int = 400, headers: dict[str, str] | None = None) -> SendError:
    return classify_error(status, headers or {}, orjson.dumps(body))


def an_error(message: str = "x", **more: Any) -> dict[str, Any]:
    return {"action": "messages", "status": "error", "message": message, **more}


CODES = [
    (101, "bad_request"),
    (156, "token_invalid"),
    (161, "token_invalid"),
    (272, "token_invalid"),
    (361, "account_restricted"),
    (362, "token_invalid"),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_its_codes_decide_flat_and_inside_errors(code: int, expected: str, status: int) -> None:
    for body in (
        an_error(code=code),
        an_error(code=str(code)),
        {"status": "error", "errors": [an_error(code=code)], "postIds": []},
        [an_error(code=code)],
    ):
        error = classify(body, status)
        assert error.error_class == expected
        assert error.code == code


UPSTREAM = [
    (
        "Message failed to send because another app is controlling this thread now",
        "thread_control",
    ),
    ("(#10) Another app is controlling this thread now.", "thread_control"),
    ("(#10) Whatever, subcode: 2018300", "thread_control"),
    ("(#10) This message is sent outside of allowed window. Learn more", "window_closed"),
    ("(#10) Dieses Fenster ist zu (error_subcode 2018278)", "window_closed"),
    ("(#100) Param recipient[id] must be a valid ID string", "bad_request"),
    ("(#551) This person isn't available right now.", "recipient_unavailable"),
    ("Error: (#190) Error validating access token", "token_invalid"),
    ("(#613) Calls to this api have exceeded the rate limit.", "rate_limited"),
    ("(#2) Service temporarily unavailable", "transient"),
    ("(#1) Unknown, error_subcode=1357046", "maybe_delivered"),
    ("(#10) Application does not have permission for this action", "bad_request"),
]


@pytest.mark.parametrize(("message", "expected"), UPSTREAM)
def test_upstream_errors_are_read_by_metas_table(message: str, expected: str) -> None:
    assert classify(an_error(message)).error_class == expected
    assert classify({"status": "error", "errors": [an_error(message)]}).error_class == expected


def test_an_upstream_subcode_in_a_key_of_its_own_is_read() -> None:
    body = an_error("(#10) Nope", details={"error_subcode": 2018278})
    error = classify(body)
    assert (error.error_class, error.subcode) == (ErrorClass.WINDOW_CLOSED, 2018278)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "maybe_delivered"),
        (200, "bad_request"),
        (307, "bad_request"),
        (400, "bad_request"),
        (401, "token_invalid"),
        (402, "account_restricted"),
        (403, "account_restricted"),
        (404, "bad_request"),
        (405, "bad_request"),
        (429, "rate_limited"),
        (500, "maybe_delivered"),
        (502, "maybe_delivered"),
        (503, "maybe_delivered"),
        (504, "maybe_delivered"),
    ],
)
def test_without_a_known_code_the_status_decides(status: int | None, expected: str) -> None:
    assert classify_error(status, {}, orjson.dumps(an_error())).error_class == expected


def test_a_429_without_a_word_waits_its_five_minute_window_out() -> None:
    """1,000 answers of 429 in a day suspend the profile: quick retries would earn them."""
    assert classify(an_error(), 429).retry_after_seconds == 300.0
    assert classify(an_error(), 429, {"retry-after": "12"}).retry_after_seconds == 12.0


def test_retry_available_is_believed_after_a_5xx_and_never_after_a_4xx() -> None:
    assert classify(an_error(retryAvailable=True), 503).error_class is ErrorClass.TRANSIENT
    assert classify(an_error(retryAvailable=True), 400).error_class is ErrorClass.BAD_REQUEST
    assert classify(an_error(retryAvailable=True), 429).error_class is ErrorClass.RATE_LIMITED


def test_success_without_the_word_is_no_success() -> None:
    assert classify_error(200, {}, b"{}").error_class is ErrorClass.MAYBE_DELIVERED
    assert classify_error(200, {}, b"<html>").error_class is ErrorClass.MAYBE_DELIVERED
