"""The correspondent starts the conversation; the reply window runs from their last message."""

from datetime import datetime, timedelta

import pytest

from schemas.base import Platform
from streams.conversation.can_reply import can_reply
from streams.conversation.rules import Rules
from tests.unit.conversation.world import (
    NOW,
    Worker,
    after,
    ago,
    echo,
    kinds,
    of_profile,
    send,
    told,
    worker,
    writes,
)  # fmt: skip

WEEK = timedelta(days=7)
MS = timedelta(milliseconds=1)


def test_a_send_to_a_correspondent_who_never_wrote_is_not_initiated() -> None:
    assert worker().reason(send()) == "not_initiated"


def test_a_message_of_the_user_alone_does_not_start_a_conversation() -> None:
    one = worker()
    assert "conversation.started" not in kinds(one.hear(echo(ago(hours=1))))
    assert one.reason(send()) == "not_initiated"


def test_the_first_message_of_the_correspondent_starts_the_conversation_once() -> None:
    one = worker()
    first = writes(ago(hours=2))
    assert "conversation.started" in kinds(one.hear(first))
    assert one.hear(first, writes(ago(hours=1))) == []
    assert one.reason(send()) is None


def test_a_backfilled_message_counts_as_having_written() -> None:
    one = worker()
    one.hear(writes(ago(days=2), backfilled=True))
    assert one.reason(send()) is None


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (NOW + WEEK - MS, None),
        (NOW + WEEK, "reply_window_closed"),
        (NOW + WEEK + MS, "reply_window_closed"),
    ],
    ids=["a_millisecond_before", "exactly_7_days", "a_millisecond_after"],
)
def test_the_instagram_window_is_open_for_less_than_7_days(
    at: datetime, reason: str | None
) -> None:
    """Invariant 7."""
    one = worker()
    one.hear(writes(NOW))
    assert one.reason(send(), at) == reason


def test_part_of_the_last_millisecond_does_not_close_the_window() -> None:
    one = worker()
    one.hear(writes(NOW))
    assert one.reason(send(), NOW + WEEK - timedelta(microseconds=1)) is None


def test_a_closed_window_tells_when_it_ended() -> None:
    one = worker()
    one.hear(writes(NOW))
    (rejected,) = one.do(send(), NOW + 2 * WEEK)
    assert rejected.data.expires_at == NOW + WEEK
    assert can_reply(one.profile, one.conversation(), NOW, one.rules).expires_at == NOW + WEEK


@pytest.mark.parametrize("platform", ["facebook", "x"])
def test_facebook_and_x_have_no_window_by_default(platform: Platform) -> None:
    one = worker(platform)
    one.hear(writes(ago(days=900), platform))
    assert one.reason(send(platform=platform)) is None


def test_a_window_set_for_facebook_is_metas_24_hours() -> None:
    one = worker("facebook")
    one.hear(
        of_profile("limit.changed", reply_window_seconds={"facebook": 86_400}),
        writes(ago(days=1), "facebook"),
    )
    assert one.reason(send("c-1", "facebook"), NOW - MS) is None
    assert one.reason(send("c-2", "facebook"), NOW) == "reply_window_closed"


def test_a_profile_can_lift_the_instagram_window() -> None:
    one = worker()
    one.hear(
        writes(ago(days=30)), of_profile("limit.changed", reply_window_seconds={"instagram": None})
    )
    assert one.reason(send()) is None


def test_the_window_of_one_platform_changes_no_other() -> None:
    one = worker()
    one.hear(writes(ago(days=30)), of_profile("limit.changed", reply_window_seconds={"x": None}))
    assert one.reason(send()) == "reply_window_closed"


def test_a_late_older_message_never_moves_the_window_back() -> None:
    """Invariant 5."""
    one = worker()
    one.hear(writes(ago(days=1)), writes(ago(days=8)))
    assert one.reason(send()) is None


def test_a_deleted_message_still_was_written() -> None:
    one = worker()
    one.hear(writes(ago(days=1), message_id="m"), told("message.deleted", NOW, message_id="m"))
    assert one.reason(send()) is None


@pytest.mark.parametrize(
    "kind",
    ["message.read", "message.delivered", "reaction.added", "typing.started", "message.edited",
     "referral.received"],
)  # fmt: skip
def test_nothing_but_a_message_reopens_the_window(kind: str) -> None:
    bodies = {
        "reaction.added": {"message_id": "m", "person_id": "555"},
        "message.edited": {"message_id": "m"},
        "referral.received": {"referral": {}},
    }
    one = worker()
    one.hear(writes(ago(days=8)), told(kind, ago(hours=1), **bodies.get(kind, {})))
    assert one.reason(send()) == "reply_window_closed"


def test_a_message_of_the_user_does_not_reopen_the_window() -> None:
    one = worker()
    one.hear(writes(ago(days=8)), echo(ago(hours=1)))
    assert one.reason(send()) == "reply_window_closed"


def test_a_pressed_button_is_no_message_unless_the_rules_say_so() -> None:
    press = told("postback.received", ago(hours=1), title="Get started")
    strict, lenient = worker(), worker(rules=Rules(button_press_is_writing=True))
    for one in (strict, lenient):
        assert "conversation.activated" not in kinds(one.hear(press))
    assert strict.reason(send()) == "not_initiated"
    assert lenient.reason(send()) is None
    assert lenient.conversation().months != {}, "the accepted send made it active"


def test_a_pressed_button_reopens_the_window_where_the_rules_say_so() -> None:
    one = worker(rules=Rules(button_press_is_writing=True))
    one.hear(writes(ago(days=8)), told("postback.received", ago(hours=1)))
    assert one.reason(send()) is None


def test_the_decision_is_made_at_the_records_time_whatever_the_command_says() -> None:
    one = worker()
    one.hear(writes(ago(days=6)))
    assert one.reason(send("c-1"), after(days=2)) == "reply_window_closed"
    assert one.reason(send("c-2"), NOW) is None


def test_an_accepted_send_carries_the_end_of_its_window_for_the_delivery() -> None:
    one = worker()
    one.hear(writes(NOW))
    accepted = one.do(send())[-1]
    assert accepted.data.window_expires_at == NOW + WEEK


def test_a_conversation_nobody_heard_of_can_not_be_replied_to() -> None:
    assert can_reply(worker().profile, None, NOW, Rules()).reason == "not_initiated"
    assert can_reply(Worker().profile, None, NOW, Rules()).reason == "messaging_inactive"
