"""Whatever a body is, it is refused in a sentence or one command of the contract."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.answering import GOOD, error
from tests.unit.api.calls import Api

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("recipientId", "conversationId", "message", "mediaUrls", "expiresAt"), _VALUES
        ),
    )
)
def test_whatever_the_body_is_it_is_refused_or_one_command_of_the_contract(
    body: dict[str, Any],
) -> None:
    """And never a fault of ours: no 5xx."""
    api = Api()
    try:
        content = orjson.dumps(body)
    except TypeError:
        return
    reply = api.call("POST", "/messages/facebook", content, prefer="wait=0")
    assert reply.status in {202, 400}, reply.body
    assert len(api.commands) == (1 if reply.status == 202 else 0)


@pytest.mark.parametrize(
    "instant", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00Z"]
)
def test_an_instant_of_no_year_of_utc_is_refused(instant: str) -> None:
    api = Api()
    reply = api.call("POST", "/messages/facebook", {**GOOD, "expiresAt": instant}, prefer="wait=0")
    if instant.endswith("Z"):
        assert reply.status == 202
    else:
        assert "expiresAt" in error(reply, 400, "invalid_request")["message"]
        assert api.commands == []


@pytest.mark.parametrize("value", [0, 900, 1.5, True, "0", "1700000000", "now", "2026-11-22"])
def test_what_may_be_taken_for_another_instant_is_refused(value: Any) -> None:
    """900 may mean a quarter of an hour, and is one of 1970 to whoever takes it for an instant."""
    api = Api()
    reply = api.call("POST", "/messages/facebook", {**GOOD, "expiresAt": value})
    assert "expiresAt" in error(reply, 400, "invalid_request")["message"]
    assert api.commands == []


@pytest.mark.parametrize("value", [True, "5", 5.5, -1])
@pytest.mark.parametrize(
    ("method", "path", "member"),
    [
        ("PATCH", "/profiles", "messagingConversationMonthlyLimit"),
        ("POST", "/messages/autoresponse", "autoResponseWaitSeconds"),
    ],
)
def test_a_number_is_a_number(method: str, path: str, member: str, value: Any) -> None:
    """`true` was a limit of 1."""
    reply = Api().call(method, path, {member: value})
    assert member in error(reply, 400, "invalid_request")["message"]


@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    api = Api()
    assert api.call("POST", "/messages/facebook", content).status == 400
    assert api.commands == []


def test_the_error_names_the_member_and_never_its_value() -> None:
    reply = Api().call(
        "POST", "/messages/facebook", {"recipientId": "a\nsecret", "message": "secret" * 2000}
    )
    content = error(reply, 400, "invalid_request")
    assert "recipientId" in content["message"]
    assert "secret" not in content["message"]
