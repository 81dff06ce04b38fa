"""No answer, however odd, makes a classifier raise or repeat what the platform wrote."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.providers import ayrshare, meta, x
from streams.providers.protocol import ErrorClass, SendError

Classify = Callable[[int | None, Mapping[str, str], bytes], SendError]
CLASSIFIERS: list[Classify] = [
    ayrshare.classify_error,
    meta.classify_error,
    x.classify_error,
]

KEYS = st.sampled_from(
    ["error", "errors", "code", "error_subcode", "message", "status", "title", "detail", "details",
     "retryAvailable", "estimated_time_to_regain_access", "call_count", "1"]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from([10, 100, 190, 551, 2018278, 88, 101, 161, "190", "(#10) subcode 2018300"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
STATUSES = st.none() | st.integers(-1, 1000)
HEADER_NAMES = st.sampled_from(
    ["Retry-After", "x-rate-limit-reset", "X-Business-Use-Case-Usage", "X-App-Usage", "etag"]
)
HEADER_VALUES = (
    st.text(max_size=40)
    | JSON.map(lambda value: orjson.dumps(value).decode())
    | st.sampled_from(
        [
            "120",
            "-1",
            "1e400",
            "nan",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "Wed, 21 Oct 2026 07:28:00",
        ]
    )
)
HEADERS = st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=4)


@pytest.mark.parametrize("classify", CLASSIFIERS)
@settings(deadline=None, max_examples=60)
@given(
    status=STATUSES,
    headers=HEADERS,
    body=st.binary(max_size=200) | JSON.map(orjson.dumps),
)
def test_any_answer_has_a_class_and_sane_waits(
    classify: Classify, status: int | None, headers: dict[str, str], body: bytes
) -> None:
    error = classify(status, headers, body)
    assert error.error_class in ErrorClass
    assert error.retry_after_seconds is None or 0 <= error.retry_after_seconds <= 7 * 24 * 3600
    assert error.retry_at is None or error.retry_at.tzinfo is not None
    assert error.http_status == status


@pytest.mark.parametrize("classify", CLASSIFIERS)
@settings(deadline=None, max_examples=60)
@given(
    status=STATUSES,
    wrap=st.sampled_from(["error", "errors"]),
    code=SCALARS,
    key=st.sampled_from(["message", "title", "detail", "type", "error_user_msg", "post"]),
)
def test_what_the_platform_wrote_is_never_repeated(
    classify: Classify, status: int | None, wrap: str, code: Any, key: str
) -> None:
    """Invariant 11: an error's text may quote the message."""
    secret = "Liebe Oma, mein Passwort ist hunter2"
    inner = {"code": code, key: secret, "message": secret}
    error = classify(status, {}, orjson.dumps({wrap: [inner], "message": secret, key: secret}))
    assert "hunter2" not in repr(error)


@pytest.mark.parametrize("classify", CLASSIFIERS)
@settings(deadline=None, max_examples=60)
@given(status=st.integers(500, 599), headers=HEADERS, body=st.binary(max_size=100))
def test_a_bare_5xx_is_tried_again_only_where_a_503_names_a_wait(
    classify: Classify, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Invariant 8."""
    error = classify(status, headers, b"<" + body)
    if error.error_class is not ErrorClass.MAYBE_DELIVERED:
        assert status == 503
        assert error.retry_after_seconds is not None or error.retry_at is not None
