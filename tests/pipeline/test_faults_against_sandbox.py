"""The connectors over real HTTP against the sandbox: every fault has its class."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.providers.protocol import ErrorClass, OutboundSend, SendError, Sent
from tests.pipeline.provider_ways import TEXT, Way, attempt, every_way, link
from tests.pipeline.sandbox import Sandbox, digits
from tests.pipeline.test_sends_against_sandbox import IMAGE

pytestmark = pytest.mark.pipeline

EXPECTED = {
    "rate_limited": "rate_limited",
    "busy": "transient",
    "server_error_before": "maybe_delivered",
    "server_error_after": "maybe_delivered",
    "hang_before": "maybe_delivered",
    "hang_after": "maybe_delivered",
    "reset_before": "maybe_delivered",
    "reset_after": "maybe_delivered",
    "error_in_200": "bad_request",
    "thread_control": "thread_control",
    "blocked": "recipient_unavailable",
    "expired_token": "token_invalid",
    "window_closed": "window_closed",
    "restricted": "account_restricted",
    "redirect": "bad_request",
    "oversized": "maybe_delivered",
    "not_json": "maybe_delivered",
    "truncated": "maybe_delivered",
    "error_yet_kept": "maybe_delivered",
}
X_KNOWS_NOT = ("thread_control", "window_closed")


@every_way
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_fault_gets_its_class_and_is_written_once(box: Sandbox, way: Way, kind: str) -> None:
    """Invariant 8: whatever may be kept is `maybe_delivered`; only what is certainly not kept
    is ever tried again."""
    linked, person = link(box, way), digits()
    box.post("faults", kind=kind, account=linked.account_id)
    patience = 0.3 if kind.startswith("hang") else 10.0
    result = attempt(box, linked, linked.send(person), read_seconds=patience)
    assert isinstance(result, SendError)
    on_x = way.provider == "x" and kind in X_KNOWS_NOT
    assert result.error_class == ("bad_request" if on_x else EXPECTED[kind])
    (seen,) = box.attempts(person)
    assert seen["fault"] == kind
    if result.error_class in (ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED):
        assert seen["settled"]
    if seen["kept"]:
        assert result.error_class is ErrorClass.MAYBE_DELIVERED
    assert (result.http_status is None) == kind.startswith(("hang", "reset"))


@every_way
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(box: Sandbox, way: Way, status: int) -> None:
    linked, person = link(box, way), digits()
    box.post("faults", kind="redirect", account=linked.account_id, status=status)
    result = attempt(box, linked, linked.send(person))
    assert isinstance(result, SendError)
    assert result.http_status == status
    assert box.get("stats")["redirects_followed"] == 0


@every_way
@pytest.mark.parametrize("wait", [3.0, 300.0])
def test_the_wait_of_a_rate_limit_is_read_where_the_platform_writes_it(
    box: Sandbox, way: Way, wait: float
) -> None:
    linked = link(box, way)
    box.post("faults", kind="rate_limited", account=linked.account_id, wait=wait)
    result = attempt(box, linked, linked.send(digits()))
    assert isinstance(result, SendError)
    if way.provider == "x":
        assert result.retry_at is not None
        left = result.retry_at - datetime.now(UTC)
        assert timedelta(seconds=wait - 3) < left <= timedelta(seconds=wait + 1)
    else:
        assert result.retry_after_seconds == wait


def test_after_an_error_in_the_middle_the_next_attempt_goes_on_where_it_stopped(
    box: Sandbox,
) -> None:
    """Invariant 8, for a command that is several messages."""
    linked, person = link(box, Way("meta", "facebook")), digits()
    box.post("faults", kind="busy", account=linked.account_id, skip=1, next=1)
    outbound = linked.send(person, media_urls=(IMAGE,))
    first = attempt(box, linked, outbound)
    assert isinstance(first, SendError)
    assert first.error_class is ErrorClass.TRANSIENT
    assert len(first.delivered) == 1
    assert "after 1 of 2 messages" in first.message
    again = OutboundSend(
        outbound.command_id,
        outbound.platform,
        outbound.account_id,
        person,
        text=TEXT,
        media_urls=(IMAGE,),
        delivered=first.delivered,
    )
    second = attempt(box, linked, again)
    assert isinstance(second, Sent)
    assert [m["text"] for m in box.kept(person)] == [None, TEXT]
    assert second.message_ids == tuple(m["message_id"] for m in box.kept(person))


def test_an_unknown_outcome_in_the_middle_names_what_was_delivered(box: Sandbox) -> None:
    linked, person = link(box, Way("meta", "facebook")), digits()
    box.post("faults", kind="reset_after", account=linked.account_id, skip=1)
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.MAYBE_DELIVERED
    assert result.delivered == (box.kept(person)[0]["message_id"],)


def test_an_error_about_one_of_ayrshare_s_several_messages_is_not_tried_again(
    box: Sandbox,
) -> None:
    """Invariant 8: the ones before it may have arrived."""
    linked, person = link(box, Way("ayrshare", "facebook")), digits()
    box.post("faults", kind="busy", account=linked.account_id)
    result = attempt(box, linked, linked.send(person, media_urls=(IMAGE,)))
    assert isinstance(result, SendError)
    assert result.error_class is ErrorClass.MAYBE_DELIVERED
