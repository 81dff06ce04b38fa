"""Thread control: only one app can send in a thread."""

from datetime import timedelta

import pytest

from streams.conversation.can_reply import can_reply
from tests.unit.conversation.world import (
    NOW,
    Worker,
    after,
    ago,
    became,
    echo,
    send,
    told,
    worker,
    writes,
)  # fmt: skip

HOUR = timedelta(hours=1)
MS = timedelta(milliseconds=1)


def page() -> Worker:
    """A Messenger conversation by Meta, in which the person wrote yesterday."""
    one = worker("facebook")
    one.hear(writes(ago(days=1), "facebook"))
    return one


def test_at_the_start_control_is_unknown_and_sends_are_allowed() -> None:
    one = worker("instagram")
    one.hear(writes(ago(hours=1)))
    assert one.conversation().thread_control == "unknown"
    assert one.reason(send()) is None


def test_a_pass_to_another_app_stops_sends_at_once_with_the_platforms_words() -> None:
    """Invariant 7."""
    one = page()
    one.hear(told("thread.control_lost", ago(minutes=1), "facebook", owner_app_id="263"))
    (rejected,) = one.do(send("c", "facebook"))
    assert rejected.data.reason == "thread_controlled_elsewhere"
    assert rejected.data.message == (
        "Message failed to send because another app is controlling this thread now"
    )
    assert one.conversation("facebook").thread[3] == "263"


@pytest.mark.parametrize(
    "kind",
    ["message.received", "message.sent", "message.read", "postback.received", "typing.started"],
)
def test_any_event_on_the_standby_channel_shows_another_apps_control(kind: str) -> None:
    one = page()
    body = {"message_id": "m", "text": "t"} if kind in {"message.received", "message.sent"} else {}
    one.hear(told(kind, ago(minutes=1), "facebook", standby=True, **body))
    assert one.reason(send("c", "facebook")) == "thread_controlled_elsewhere"


def test_a_send_that_fails_with_the_thread_control_error_shows_it_too() -> None:
    one = page()
    one.do(send("c-1", "facebook"), ago(minutes=2))
    one.hear(became("send.failed", "c-1", ago(minutes=1), "facebook", reason="thread_control"))
    assert one.reason(send("c-2", "facebook")) == "thread_controlled_elsewhere"


def test_other_failures_say_nothing_of_the_thread() -> None:
    one = page()
    one.do(send("c-1", "facebook"), ago(minutes=2))
    one.hear(became("send.failed", "c-1", ago(minutes=1), "facebook", reason="bad_request"))
    assert one.reason(send("c-2", "facebook")) is None


def test_a_pass_to_us_gives_control_back() -> None:
    one = page()
    one.hear(
        told("thread.control_lost", ago(minutes=2), "facebook"),
        told("thread.control_gained", ago(minutes=1), "facebook"),
    )
    assert one.reason(send("c", "facebook")) is None


def test_a_message_on_metas_normal_channel_gives_control_back() -> None:
    one = page()
    one.hear(
        told("thread.control_lost", ago(minutes=2), "facebook"), writes(ago(minutes=1), "facebook")
    )
    assert one.conversation("facebook").thread_control == "ours"
    assert one.reason(send("c", "facebook")) is None


def test_a_message_by_ayrshare_shows_nothing_for_it_has_one_channel_for_both() -> None:
    one = worker("instagram")
    one.hear(
        writes(ago(days=1)), told("thread.control_lost", ago(minutes=2)), writes(ago(minutes=1))
    )
    assert one.reason(send()) == "thread_controlled_elsewhere"


def test_fetched_history_shows_nothing() -> None:
    one = page()
    one.hear(
        told("thread.control_lost", ago(minutes=2), "facebook"),
        writes(ago(minutes=1), "facebook", backfilled=True),
    )
    assert one.reason(send("c", "facebook")) == "thread_controlled_elsewhere"


def test_a_message_of_the_user_elsewhere_does_not_give_control_to_us() -> None:
    one = page()
    one.hear(
        told("thread.control_lost", ago(minutes=2), "facebook"), echo(ago(minutes=1), "facebook")
    )
    assert one.reason(send("c", "facebook")) == "thread_controlled_elsewhere"


def test_a_send_that_succeeds_shows_that_control_is_ours() -> None:
    one = page()
    one.hear(told("thread.control_lost", NOW, "facebook"))
    assert one.reason(send("probe", "facebook"), NOW + HOUR) is None
    one.hear(echo(NOW + HOUR + MS, "facebook", command_id="probe", origin="api"))
    assert one.conversation("facebook").thread_control == "ours"
    assert one.reason(send("c", "facebook"), NOW + HOUR + 2 * MS) is None


def test_after_an_hour_exactly_one_send_is_let_through_as_a_probe() -> None:
    one = page()
    one.hear(told("thread.control_lost", NOW, "facebook"))
    assert one.reason(send("early", "facebook"), NOW + HOUR - MS) == "thread_controlled_elsewhere"
    assert one.reason(send("probe", "facebook"), NOW + HOUR) is None
    assert one.reason(send("second", "facebook"), NOW + HOUR) == "thread_controlled_elsewhere"
    assert one.reason(send("third", "facebook"), NOW + HOUR + MS) == "thread_controlled_elsewhere"


def test_a_probe_that_fails_with_the_same_error_starts_the_clock_again() -> None:
    one = page()
    one.hear(told("thread.control_lost", NOW, "facebook"))
    one.do(send("probe", "facebook"), NOW + HOUR)
    failed = NOW + HOUR + timedelta(seconds=5)
    one.hear(became("send.failed", "probe", failed, "facebook", reason="thread_control"))
    assert one.reason(send("a", "facebook"), failed + HOUR - MS) == "thread_controlled_elsewhere"
    assert one.reason(send("b", "facebook"), failed + HOUR) is None


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another_an_hour_later() -> None:
    one = page()
    one.hear(told("thread.control_lost", NOW, "facebook"))
    one.do(send("probe", "facebook"), NOW + HOUR)
    assert one.reason(send("next", "facebook"), NOW + 2 * HOUR) is None


def test_a_refusal_tells_when_the_next_probe_is_let_through() -> None:
    one = page()
    one.hear(told("thread.control_lost", NOW, "facebook"))
    decision = can_reply(one.profile, one.conversation("facebook"), after(minutes=1), one.rules)
    assert decision.opens_at == NOW + HOUR
    (rejected,) = one.do(send("c", "facebook"), after(minutes=1))
    assert rejected.data.opens_at == NOW + HOUR


def test_the_latest_sign_by_event_time_holds_whatever_came_last() -> None:
    """Invariant 5."""
    one = page()
    one.hear(
        told("thread.control_gained", ago(minutes=1), "facebook"),
        told("thread.control_lost", ago(minutes=2), "facebook"),
    )
    assert one.reason(send("c", "facebook")) is None


def test_a_request_for_the_thread_changes_nothing() -> None:
    one = page()
    one.hear(told("thread.control_requested", ago(minutes=1), "facebook", requested_by_app_id="1"))
    assert one.reason(send("c", "facebook")) is None


def test_x_has_no_threads_to_control() -> None:
    one = worker("x")
    one.hear(writes(ago(minutes=1), "x", standby=True))
    assert one.reason(send("c", "x")) is None
