"""X's errors in both body forms."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from streams.providers.protocol import ErrorClass, SendError
from streams.providers.x import classify_error


def classify(body: Any, status: int = 403, headers: dict[str, str] | None = None) -> SendError:
    return classify_error(status, headers or {}, orjson.dumps(body))


def a_problem(title: str, detail: str, status: int) -> dict[str, Any]:
    return {"title": title, "detail": detail, "type": "about:blank", "status": status}


CODES = [
    (88, "rate_limited"),
    (89, "token_invalid"),
    (93, "bad_request"),
    (150, "recipient_unavailable"),
    (151, "bad_request"),
    (226, "bad_request"),
    (326, "account_restricted"),
    (349, "recipient_unavailable"),
    (354, "bad_request"),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_codes_decide_whatever_the_status(code: int, expected: str, status: int) -> None:
    for body in (
        {"errors": [{"code": code, "message": "x"}]},
        {"errors": {"code": str(code), "message": "x"}},
        [{"errors": [{"code": code, "message": "x"}]}],
    ):
        assert classify(body, status).error_class == expected


PROBLEMS = [
    (
        403,
        "Forbidden",
        "You do not have permission to DM one or more participants.",
        "recipient_unavailable",
    ),
    (403, "Forbidden", "This operation is not permitted.", "bad_request"),
    (401, "Unauthorized", "Unauthorized", "token_invalid"),
    (402, "CreditsDepleted", "Your enrolled account has no credits", "account_restricted"),
    (403, "Credits Depleted", "x", "account_restricted"),
    (429, "Too Many Requests", "Too Many Requests", "rate_limited"),
    (400, "Invalid Request", "One or more parameters was invalid", "bad_request"),
    (503, "Service Unavailable", "Service Unavailable", "transient"),
    (500, "Internal Server Error", "Internal Server Error", "maybe_delivered"),
]


@pytest.mark.parametrize(("status", "title", "detail", "expected"), PROBLEMS)
def test_problems_decide_by_status_title_and_the_one_known_detail(
    status: int, title: str, detail: str, expected: str
) -> None:
    assert classify(a_problem(title, detail, status), status).error_class == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "maybe_delivered"),
        (200, "maybe_delivered"),
        (201, "maybe_delivered"),
        (308, "bad_request"),
        (401, "token_invalid"),
        (402, "account_restricted"),
        (403, "bad_request"),
        (429, "rate_limited"),
        (500, "maybe_delivered"),
        (502, "maybe_delivered"),
        (503, "maybe_delivered"),
        (504, "maybe_delivered"),
    ],
)
def test_an_answer_that_is_not_xs_own_is_read_by_its_status(
    status: int | None, expected: str
) -> None:
    """Invariant 8: a proxy's bare 5xx after a POST is never a reason to send again."""
    assert classify_error(status, {}, b"<html>Over capacity</html>").error_class == expected


def test_a_rate_limit_ends_at_its_reset_and_other_errors_do_not_wait_for_it() -> None:
    headers = {"X-Rate-Limit-Reset": "1800000000", "x-rate-limit-remaining": "0"}
    limited = classify({"errors": [{"code": 88}]}, 429, headers)
    assert limited.retry_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert classify(a_problem("Forbidden", "x", 403), 403, headers).retry_at is None
    assert limited.error_class is ErrorClass.RATE_LIMITED
