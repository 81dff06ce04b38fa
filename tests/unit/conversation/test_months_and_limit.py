"""Active conversations: ranks, the count, the limit."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas import events
from schemas.base import Platform
from streams.conversation import months
from streams.conversation.can_reply import can_reply
from streams.conversation.state import KEPT_MONTHS
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    Worker,
    after,
    ago,
    became,
    echo,
    folded,
    kinds,
    of_profile,
    send,
    thread,
    told,
    worker,
    writes,
)  # fmt: skip

MONTH = "2026-11"
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def rank(
    one: Worker, person: str, platform: Platform = "facebook", month: str = MONTH
) -> int | None:
    return months.rank_of(one.profile, one.conversations[thread(platform, person)], month)


def with_conversations(count: int, *, start: int = 1, one: Worker | None = None) -> Worker:
    """Persons `start`.. write on Facebook, one after another."""
    one = one or worker("facebook", "x")
    for number in range(start, start + count):
        one.hear(writes(ago(hours=3), "facebook", person=str(number)))
    return one


def test_conversations_get_the_next_rank_and_keep_it() -> None:
    one = with_conversations(3)
    one.hear(writes(ago(hours=1), "facebook", person="1"), echo(NOW, "facebook", person="2"))
    assert [rank(one, person) for person in "123"] == [1, 2, 3]
    assert months.count_of(one.profile, MONTH) == 3


def test_a_message_of_the_user_elsewhere_makes_a_conversation_active() -> None:
    one = worker("facebook")
    assert "conversation.activated" in kinds(one.hear(echo(NOW, "facebook", person="1")))
    assert rank(one, "1") == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("message.read", {}),
        ("message.delivered", {}),
        ("typing.started", {}),
        ("reaction.added", {"message_id": "m", "person_id": "1"}),
        ("message.edited", {"message_id": "m"}),
        ("message.deleted", {"message_id": "m"}),
        ("postback.received", {}),
    ],
)
def test_only_messages_make_a_conversation_active(kind: str, body: dict[str, str]) -> None:
    one = worker("facebook")
    assert one.hear(told(kind, NOW, "facebook", **body)) == []
    assert months.count_of(one.profile, MONTH) == 0


def test_the_count_is_over_all_platforms() -> None:
    one = worker("facebook", "instagram", "x")
    for platform in ("facebook", "instagram", "x"):
        one.hear(writes(NOW, platform))
    assert months.count_of(one.profile, MONTH) == 3


def test_months_are_by_event_time_and_each_has_ranks_of_its_own() -> None:
    one = worker("facebook")
    one.hear(
        writes(datetime(2026, 10, 31, 23, 59, 59, 999_000, tzinfo=UTC), "facebook", person="1"),
        writes(datetime(2026, 11, 1, tzinfo=UTC), "facebook", person="2"),
        writes(NOW, "facebook", person="1"),
    )
    assert rank(one, "1", month="2026-10") == 1
    assert rank(one, "2") == 1
    assert rank(one, "1") == 2


def test_months_are_counted_in_the_profiles_zone() -> None:
    one = worker("facebook")
    one.hear(
        of_profile("limit.changed", month_zone="Pacific/Kiritimati"),
        writes(datetime(2026, 11, 30, 9, 59, 59, 999_000, tzinfo=UTC), "facebook", person="1"),
        writes(datetime(2026, 11, 30, 10, tzinfo=UTC), "facebook", person="2"),
    )
    assert (rank(one, "1"), rank(one, "2", month="2026-12")) == (1, 1)


def test_a_message_received_late_counts_in_the_month_in_which_it_happened() -> None:
    one = worker("facebook")
    one.hear(writes(datetime(2026, 10, 30, tzinfo=UTC), "facebook", heard=NOW))
    assert months.count_of(one.profile, "2026-10") == 1
    assert months.count_of(one.profile, MONTH) == 0


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


def test_an_accepted_send_writes_its_place_before_itself_and_into_itself() -> None:
    one = worker("facebook")
    one.hear(writes(ago(days=40), "facebook"))
    activated, accepted = one.do(send(platform="facebook"))
    assert isinstance(activated, events.ConversationActivated)
    assert (activated.data.month, activated.data.rank) == (MONTH, 1)
    assert (accepted.data.month, accepted.data.rank) == (MONTH, 1)
    assert activated.data.cause_id == accepted.id


def test_the_rank_of_a_send_that_fails_for_good_stays() -> None:
    one = worker("facebook")
    one.hear(writes(ago(days=40), "facebook", person="old"))
    one.do(send("a", "facebook", "old"))
    one.hear(became("send.failed", "a", NOW, "facebook", person="old", reason="bad_request"))
    assert rank(one, "old") == 1
    assert months.count_of(one.profile, MONTH) == 1


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


def test_at_most_the_newest_24_months_are_kept_and_older_ones_give_no_rank() -> None:
    one = worker("facebook")
    for month in range(30):
        at = datetime(2024 + month // 12, month % 12 + 1, 15, tzinfo=UTC)
        one.hear(writes(at, "facebook"))
    kept = one.conversation("facebook").months
    assert len(kept) == len(one.profile.months) == KEPT_MONTHS
    assert min(kept) == "2024-07"
    late = one.hear(writes(datetime(2024, 6, 15, tzinfo=UTC), "facebook", person="9"))
    assert kinds(late) == ["conversation.started"]


def test_of_two_ranks_that_a_crash_gave_one_conversation_the_lower_counts_in_any_order() -> None:
    """Invariant 5."""
    one = with_conversations(2)
    (first,) = [event for event in one.log if _is_rank(event, 2)]
    second = first.model_copy(
        update={"id": "other", "data": first.data.model_copy(update={"rank": 5})}
    )
    for log in ([*one.log, second], [second, *one.log]):
        two = folded(log)
        assert rank(two, "2") == 2
        assert months.count_of(two.profile, MONTH) == 5, "a rank that nobody holds is lost"


def test_of_two_conversations_with_one_rank_only_one_may_send_and_the_other_takes_the_next() -> (
    None
):
    """Invariant 7. A worker taken for dead gave the last place once more."""
    one = with_conversations(99)
    one.hear(*(writes(ago(days=40), "facebook", person=old) for old in ("a", "b")))
    place = next(event for event in one.log if _is_rank(event, 99))
    claims = [_claim(place, person, 100) for person in ("a", "b")]
    one.hear(*claims)
    allowed = {
        person: can_reply(
            one.profile, one.conversations[thread("facebook", person)], NOW, one.rules
        ).allowed
        for person in ("a", "b")
    }
    assert sorted(allowed.values()) == [False, True]
    loser = next(person for person, may in allowed.items() if not may)
    one.hear(of_profile("limit.changed", NOW, monthly_limit=101))
    assert one.reason(send("x", "facebook", loser)) is None
    assert rank(one, loser) == 101


def _is_rank(event: events.Event, wanted: int) -> bool:
    return isinstance(event, events.ConversationActivated) and event.data.rank == wanted


def _claim(place: events.Event, person: str, wanted: int) -> events.Event:
    assert isinstance(place, events.ConversationActivated)
    body = place.data.model_copy(update={"correspondent_id": person, "rank": wanted})
    return place.model_copy(
        update={
            "id": f"{person}-{wanted}",
            "subject": thread("facebook", person, ACCOUNT),
            "data": body,
        }
    )


def test_a_wrong_clock_of_a_platform_leaves_this_months_ranks_alone() -> None:
    one = with_conversations(3)
    one.hear(writes(datetime(2099, 5, 1, tzinfo=UTC), "facebook", person="1"))
    one.hear(writes(datetime(2098, 5, 1, tzinfo=UTC), "facebook", person="1"))
    assert [rank(one, person) for person in "123"] == [1, 2, 3]
    assert one.reason(send("a", "facebook", "1"), after(hours=1)) is None
