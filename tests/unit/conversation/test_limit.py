"""The monthly limit: how many conversations may be sent to."""

from datetime import timedelta

from schemas import events
from streams.conversation import months
from tests.unit.conversation.test_months import DECEMBER, MONTH, rank, with_conversations
from tests.unit.conversation.world import (
    NOW,
    ago,
    became,
    folded,
    kinds,
    of_profile,
    send,
    thread,
    worker,
    writes,
)  # fmt: skip


def test_the_100th_conversation_may_be_answered_and_the_101st_may_not() -> None:
    """Invariant 7."""
    one = with_conversations(101)
    assert one.reason(send("a", "facebook", "100")) is None
    assert one.reason(send("b", "facebook", "101")) == "monthly_limit_reached"
    assert rank(one, "101") == 101


def test_above_the_limit_messages_are_still_received() -> None:
    one = with_conversations(101)
    one.hear(writes(NOW, "facebook", person="101"))
    assert one.conversations[thread("facebook", "101")].last_correspondent_message_at is not None


def test_within_the_limit_any_number_of_messages_may_be_sent() -> None:
    one = with_conversations(101)
    assert [one.reason(send(f"c-{n}", "facebook", "7")) for n in range(50)] == [None] * 50
    assert months.count_of(one.profile, MONTH) == 101


def test_a_refused_send_tells_when_the_next_month_begins() -> None:
    one = with_conversations(101)
    (rejected,) = one.do(send("b", "facebook", "101"))
    assert rejected.data.opens_at == DECEMBER


def test_the_next_month_begins_by_the_zone_of_the_profile() -> None:
    one = with_conversations(2)
    one.hear(of_profile("limit.changed", monthly_limit=1, month_zone="America/Los_Angeles"))
    (rejected,) = one.do(send("b", "facebook", "2"))
    assert rejected.data.opens_at == DECEMBER + timedelta(hours=8)


def test_in_the_next_month_the_place_is_open_again() -> None:
    one = with_conversations(101)
    last = DECEMBER - timedelta(milliseconds=1)
    assert one.reason(send("b", "facebook", "101"), last) == "monthly_limit_reached"
    assert one.reason(send("c", "facebook", "101"), DECEMBER) is None
    assert rank(one, "101", month="2026-12") == 1


def test_a_conversation_not_active_this_month_is_refused_once_the_count_has_reached_the_limit() -> (
    None
):
    one = worker("facebook")
    one.hear(writes(ago(days=40), "facebook", person="old"))
    with_conversations(100, one=one)
    assert one.reason(send("a", "facebook", "old")) == "monthly_limit_reached"
    assert one.conversations[thread("facebook", "old")].months.keys() == {"2026-10"}


def test_an_accepted_send_takes_its_rank_at_once_so_two_can_not_take_the_last_place() -> None:
    one = worker("facebook")
    one.hear(*(writes(ago(days=40), "facebook", person=old) for old in ("old-1", "old-2")))
    with_conversations(99, one=one)
    assert one.reason(send("a", "facebook", "old-1")) is None
    assert one.reason(send("b", "facebook", "old-2")) == "monthly_limit_reached"
    assert rank(one, "old-1") == 100


def test_the_rank_of_a_send_that_fails_for_good_stays() -> None:
    one = worker("facebook")
    one.hear(writes(ago(days=40), "facebook", person="old"))
    one.do(send("a", "facebook", "old"))
    one.hear(became("send.failed", "a", NOW, "facebook", person="old", reason="bad_request"))
    assert rank(one, "old") == 1
    assert months.count_of(one.profile, MONTH) == 1


def test_of_300_conversations_and_400_commands_exactly_100_conversations_are_sent_to() -> None:
    """Invariant 7. All wrote last month: places are taken by the sends themselves."""
    one = worker("facebook")
    one.hear(*(writes(ago(days=40), "facebook", person=str(n)) for n in range(300)))
    reasons = {n: one.reason(send(f"c-{n}", "facebook", str(n * 7 % 300))) for n in range(400)}
    sent_to = {n * 7 % 300 for n, reason in reasons.items() if reason is None}
    assert len(sent_to) == 100
    assert sent_to == {n * 7 % 300 for n in range(100)}, "the first that asked"
    assert set(reasons.values()) == {None, "monthly_limit_reached"}


def test_a_raised_limit_opens_conversations_at_once() -> None:
    one = with_conversations(101)
    assert one.reason(send("a", "facebook", "101")) == "monthly_limit_reached"
    one.hear(of_profile("limit.changed", NOW, monthly_limit=101))
    assert one.reason(send("b", "facebook", "101")) is None


def test_a_lowered_limit_closes_the_ranks_above_it() -> None:
    one = with_conversations(50)
    one.hear(of_profile("limit.changed", NOW, monthly_limit=49))
    assert one.reason(send("a", "facebook", "49")) is None
    assert one.reason(send("b", "facebook", "50")) == "monthly_limit_reached"


def test_a_limit_of_nothing_refuses_every_send() -> None:
    one = with_conversations(1)
    one.hear(of_profile("limit.changed", NOW, monthly_limit=0))
    assert one.reason(send("a", "facebook", "1")) == "monthly_limit_reached"


def test_under_the_scope_all_nothing_is_sent_once_the_limit_is_reached() -> None:
    one = with_conversations(2)
    one.hear(of_profile("limit.changed", NOW, monthly_limit=3, limit_scope="all"))
    assert one.reason(send("a", "facebook", "1")) is None
    with_conversations(1, start=3, one=one)
    assert one.reason(send("b", "facebook", "1")) == "monthly_limit_reached"
    assert one.reason(send("c", "facebook", "1"), DECEMBER) is None


def test_under_the_scope_all_the_send_that_takes_the_last_place_is_still_sent() -> None:
    one = worker("facebook")
    one.hear(writes(ago(days=40), "facebook", person="old"))
    with_conversations(2, one=one)
    one.hear(of_profile("limit.changed", NOW, monthly_limit=3, limit_scope="all"))
    assert one.reason(send("a", "facebook", "old")) is None
    assert one.reason(send("b", "facebook", "old")) == "monthly_limit_reached"


def test_it_is_told_once_when_80_and_100_percent_of_the_limit_are_used() -> None:
    one = with_conversations(101)
    reached = [event.data for event in one.log if isinstance(event, events.LimitReached)]
    assert [(told.share, told.count, told.monthly_limit) for told in reached] == [
        (80, 80, 100), (100, 100, 100),
    ]  # fmt: skip


def test_a_raised_limit_is_told_again_when_it_is_reached() -> None:
    one = with_conversations(10, one=worker("facebook"))
    one.hear(of_profile("limit.changed", ago(hours=2), monthly_limit=10))
    one.hear(of_profile("limit.changed", ago(hours=1), monthly_limit=12))
    with_conversations(2, start=11, one=one)
    reached = [event.data for event in one.log if isinstance(event, events.LimitReached)]
    assert [(told.share, told.monthly_limit) for told in reached] == [
        (80, 10), (100, 10), (80, 12), (100, 12),
    ]  # fmt: skip


def test_a_lost_word_of_the_limit_is_made_good_when_the_place_is_read_from_the_log() -> None:
    one = with_conversations(80)
    log = [event for event in one.log if not isinstance(event, events.LimitReached)]
    activated = [event for event in log if isinstance(event, events.ConversationActivated)]
    assert kinds(folded(log).hear(activated[-1])) == ["limit.reached"]
