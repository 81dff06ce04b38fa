"""Meta's error table: every row, in every wrapper and under every status it was seen with."""

from typing import Any

import orjson
import pytest

from streams.providers.meta import classify_error
from streams.providers.protocol import ErrorClass, SendError

ROWS = [
    (10, 2018278, "window_closed"),
    (10, 2534022, "window_closed"),
    (10, 2018065, "window_closed"),
    (10, 2018300, "thread_control"),
    (None, 2018300, "thread_control"),
    (100, 2534037, "thread_control"),
    (10, 2018321, "thread_control"),
    (10, 2018151, "thread_control"),
    (10, 2018464, "thread_control"),
    (10, 2018108, "recipient_unavailable"),
    (551, 1545041, "recipient_unavailable"),
    (200, 1545041, "recipient_unavailable"),
    (10, 1545041, "recipient_unavailable"),
    (551, None, "recipient_unavailable"),
    (100, 2018001, "recipient_unavailable"),
    (100, 2534014, "recipient_unavailable"),
    (100, 2534029, "recipient_unavailable"),
    (200, 2534041, "recipient_unavailable"),
    (190, None, "token_invalid"),
    (190, 458, "token_invalid"),
    (190, 460, "token_invalid"),
    (190, 463, "token_invalid"),
    (4, None, "rate_limited"),
    (17, None, "rate_limited"),
    (32, None, "rate_limited"),
    (613, None, "rate_limited"),
    (613, 2534040, "rate_limited"),
    (613, 2018338, "rate_limited"),
    (80001, None, "rate_limited"),
    (80002, None, "rate_limited"),
    (80006, None, "rate_limited"),
    (2, None, "transient"),
    (1, 1357046, "maybe_delivered"),
    (1, None, "maybe_delivered"),
    (100, 2018109, "bad_request"),
    (100, 2018047, "bad_request"),
    (100, 2018008, "bad_request"),
    (100, None, "bad_request"),
    (9000001, None, "bad_request"),
    (10, 1893063, "account_restricted"),
    (2022, None, "account_restricted"),
    (368, None, "account_restricted"),
]


def a_body(code: int | None, subcode: int | None, **more: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"message": "Cela n'est pas possible", "type": "OAuthException", **more}
    if code is not None:
        error["code"] = code
    if subcode is not None:
        error["error_subcode"] = subcode
    return {"error": error}


def classify(body: Any, status: int = 400, headers: dict[str, str] | None = None) -> SendError:
    return classify_error(status, headers or {}, orjson.dumps(body))


@pytest.mark.parametrize(("code", "subcode", "expected"), ROWS)
@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_code_and_subcode_decide_and_the_http_status_does_not(
    code: int | None, subcode: int | None, expected: str, status: int
) -> None:
    error = classify(a_body(code, subcode), status)
    assert error.error_class == expected
    assert (error.code, error.subcode, error.http_status) == (code, subcode, status)


@pytest.mark.parametrize(("code", "subcode", "expected"), ROWS)
def test_wrappers_and_number_types_do_not_matter(
    code: int | None, subcode: int | None, expected: str
) -> None:
    body = a_body(code, subcode)
    in_text = {k: str(v) if isinstance(v, int) else v for k, v in body["error"].items()}
    for variant in ([body], {"error": [body["error"]]}, {"error": in_text}, body["error"]):
        assert classify(variant).error_class == expected


def test_an_unknown_subcode_falls_back_to_its_code() -> None:
    assert classify(a_body(190, 999_999)).error_class is ErrorClass.TOKEN_INVALID
    assert classify(a_body(100, 999_999)).error_class is ErrorClass.BAD_REQUEST


def test_is_transient_never_decides() -> None:
    """A captured code 4 carried `is_transient: true`; a refusal may carry it too."""
    assert classify(a_body(4, None, is_transient=True)).error_class is ErrorClass.RATE_LIMITED
    assert classify(a_body(100, None, is_transient=True)).error_class is ErrorClass.BAD_REQUEST


def test_text_alone_never_decides() -> None:
    body = {"error": {"message": "(#10) This message is sent outside of allowed window"}}
    assert classify(body).error_class is ErrorClass.BAD_REQUEST


def test_thread_control_is_told_in_the_words_that_users_are_promised() -> None:
    assert classify(a_body(10, 2018300)).message == (
        "Message failed to send because another app is controlling this thread now"
    )


def test_other_sentences_name_what_to_look_up() -> None:
    assert "(HTTP 403, code 10, subcode 2018278)" in classify(a_body(10, 2018278), 403).message


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "maybe_delivered"),
        (200, "maybe_delivered"),
        (301, "bad_request"),
        (302, "bad_request"),
        (307, "bad_request"),
        (400, "bad_request"),
        (401, "bad_request"),
        (403, "bad_request"),
        (404, "bad_request"),
        (408, "bad_request"),
        (429, "rate_limited"),
        (500, "maybe_delivered"),
        (502, "maybe_delivered"),
        (503, "maybe_delivered"),
        (504, "maybe_delivered"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'"x"', b"\xff\xfe"])
def test_without_a_code_only_the_status_is_left(
    status: int | None, expected: str, body: bytes
) -> None:
    """Invariant 8: what a proxy says after a POST never makes us send again."""
    assert classify_error(status, {}, body).error_class == expected


def test_a_503_that_says_when_to_come_again_was_not_taken() -> None:
    error = classify_error(503, {"Retry-After": "7"}, b"")
    assert (error.error_class, error.retry_after_seconds) == (ErrorClass.TRANSIENT, 7.0)


def test_an_error_without_a_code_under_200_is_a_refusal() -> None:
    assert classify({"error": {"message": "x"}}, 200).error_class is ErrorClass.BAD_REQUEST
    assert classify({"error": "nope"}, 200).error_class is ErrorClass.BAD_REQUEST


def test_the_wait_is_read_from_the_usage_header_in_minutes() -> None:
    usage = {
        "1": [{"type": "messenger", "estimated_time_to_regain_access": 3}],
        "2": [{"type": "pages", "estimated_time_to_regain_access": 19}],
    }
    headers = {"X-Business-Use-Case-Usage": orjson.dumps(usage).decode()}
    assert classify(a_body(80001, None), 400, headers).retry_after_seconds == 19 * 60


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ('{"call_count":100,"total_cputime":25,"total_time":25}', 300.0),
        ('{"call_volume":104,"cpu_time":3}', 300.0),
        ('{"call_count":28,"total_cputime":25,"total_time":25}', None),
        ("nonsense", None),
    ],
)
def test_app_usage_names_no_time_so_a_full_hour_rolls_for_five_minutes(
    usage: str, expected: float | None
) -> None:
    headers = {"x-app-usage": usage}
    assert classify(a_body(4, None), 400, headers).retry_after_seconds == expected
