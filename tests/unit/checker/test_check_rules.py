"""The checker on counts, the limit and the window: what keeps each rule, and what breaks it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas import data, events
from schemas.topics import EVENTS
from streams.agents.working_set import table_key
from streams.checker.check import check
from streams.checker.history import (
    ConversationCounts,
    Request,
)
from streams.conversation import codec
from streams.conversation.state import ConversationState
from tests.unit.checker.histories import (
    AT,
    CONVERSATION,
    PAGE,
    WEEK,
    Story,
    body,
    ms,
    ordinary,
)
from tests.unit.checker.looking import archive, broken, only

# Counts


def test_a_state_that_is_not_the_fold_of_the_log_is_told_by_its_field() -> None:
    history = ordinary().history()
    assert history.state is not None
    key = table_key("c", PAGE, CONVERSATION)
    state = codec.conversation_from_bytes(history.state[key], CONVERSATION)
    older = state._replace(last_correspondent_message_at=ms(AT))
    found = only(replace(history, state={**history.state, key: codec.conversation_to_bytes(older)}))
    assert found.invariant == "counts"
    assert "last_correspondent_message_at" in found.what


def test_a_state_that_knows_less_or_more_is_wrong() -> None:
    history = ordinary().history()
    assert history.state is not None
    assert broken(replace(history, state={})) == {"counts"}
    more = {**history.state, table_key("c", PAGE, "x:1:2"): codec.conversation_to_bytes(
        ConversationState("x:1:2", started=True)
    )}  # fmt: skip
    assert broken(replace(history, state=more)) == {"counts"}


@pytest.mark.parametrize(
    "told",
    [ConversationCounts(3, None, None), ConversationCounts(5, None, None)],
)
def test_an_archive_that_counts_otherwise_is_wrong(told: ConversationCounts) -> None:
    history = ordinary().history()
    assert history.archive is not None
    right = history.archive.conversations[PAGE, CONVERSATION]
    wrong = {(PAGE, CONVERSATION): right._replace(messages=told.messages)}
    assert only(archive(history, conversations=wrong)).invariant == "counts"


def test_a_send_that_is_told_twice_may_have_either_time_and_no_other() -> None:
    story = ordinary()
    told = events.parse_event(story.log[EVENTS][-1].value or b"")
    later = told.time + timedelta(milliseconds=60)
    story.event(told.model_copy(update={"time": later}))
    history = story.history()
    assert history.archive is not None
    right = history.archive.conversations[PAGE, CONVERSATION]
    for at, wrong in ((told.time, False), (later, False), (later + timedelta(hours=1), True)):
        counts = {(PAGE, CONVERSATION): right._replace(last_sent_at=ms(at))}
        assert bool(check(archive(history, conversations=counts))) is wrong


def test_an_archive_that_has_conversations_nobody_told_of_is_wrong() -> None:
    history = ordinary().history()
    assert history.archive is not None
    more = {**history.archive.conversations, (PAGE, "x:1:2"): ConversationCounts(1, 5, None)}
    assert broken(archive(history, conversations=more)) == {"counts"}


def test_a_month_that_counts_other_conversations_than_the_log_is_wrong() -> None:
    history = ordinary().history()
    assert only(archive(history, active={(PAGE, "2026-11"): 2})).invariant == "counts"


# Limit


def limit_story(conversations: int) -> Story:
    story = ordinary()
    for number in range(conversations - 1):
        person = f"66600000{number:02}"
        story.event(
            events.MessageReceived(
                **story.envelope("message", person, person=person),
                data=data.Message(
                    provider="meta",
                    account_id=PAGE,
                    correspondent_id=person,
                    message_id=f"of{person}",
                ),
            )
        )
        story.accept(f"l{number}", person=person, rank=number + 2)
    return story


def test_the_last_conversation_within_the_limit_may_send_and_the_next_may_not() -> None:
    for conversations, wrong in ((3, False), (4, True)):
        history = limit_story(conversations).history(monthly_limit=3)
        assert any(finding.invariant == "limit" for finding in check(history)) is wrong


def test_a_raised_limit_holds_from_then_on() -> None:
    story = limit_story(2)
    change = events.LimitChanged(
        **story.envelope("limit", "x") | {"subject": None},
        data=data.LimitChanged(monthly_limit=3),
    )
    story.event(change)
    person = "7770000000"
    story.accept("raised", person=person, rank=3)
    assert "limit" not in broken(story.history(monthly_limit=2))
    early = limit_story(3)
    early.event(change)
    assert "limit" in broken(early.history(monthly_limit=2))


def test_what_comes_in_is_never_refused() -> None:
    story = ordinary()
    refused = story.history(requests=[*story.requests, Request("ef" * 32, 200, 429)])
    assert only(refused).invariant == "limit"


# Window


def test_a_send_is_accepted_until_the_window_ends_and_not_at_its_end() -> None:
    """The boundary is exactly 7 days after the correspondent's last message."""
    for early, wrong in ((1, False), (0, True)):
        story = Story()
        story.webhook(0)
        written = events.parse_event(story.log[EVENTS][0].value or b"").time
        story.command("c1")
        story.clock = written + timedelta(milliseconds=WEEK - early)
        story.accept("c1")
        story.sent("c1")
        assert broken(story.history()) == ({"window"} if wrong else set())


def test_a_later_message_keeps_the_window_open_and_an_older_one_does_not_move_it_back() -> None:
    story = Story()
    story.webhook(0)
    story.clock += timedelta(days=6)
    story.webhook(1)
    story.clock += timedelta(days=6)
    story.webhook(2, content=body(2, AT))
    story.command("c1")
    story.accept("c1")
    story.sent("c1")
    assert not check(story.history())


def test_a_profile_s_own_window_is_the_one_that_counts() -> None:
    story = Story()
    story.webhook(0)
    change = data.LimitChanged(reply_window_seconds={"instagram": 3600})
    envelope = story.envelope("limit", "x") | {"subject": None}
    story.event(events.LimitChanged(**envelope, data=change))
    story.command("c1")
    story.clock += timedelta(hours=2)
    story.accept("c1")
    story.sent("c1")
    assert broken(story.history()) == {"window"}


def test_nobody_is_answered_who_has_not_written() -> None:
    story = Story()
    story.command("c1")
    story.accept("c1")
    story.sent("c1")
    assert broken(story.history()) == {"window"}


def test_a_send_is_attempted_before_its_end_and_not_at_it() -> None:
    for late, wrong in ((-1, False), (0, True)):
        story = Story()
        story.webhook(0)
        story.command("c1")
        end = story.clock + timedelta(minutes=15)
        story.accept("c1", expires_at=end)
        story.clock = end + timedelta(milliseconds=late)
        story.attempt("c1")
        story.sent("c1")
        assert broken(story.history()) == ({"window"} if wrong else set())
