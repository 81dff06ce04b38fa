"""Each invariant of the checker: a history that keeps it, and histories that break it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas import data, events
from schemas.topics import COMMANDS, EVENTS, FAILURES, OUTBOUND_INSTAGRAM, WEBHOOKS
from streams.agents.working_set import table_key
from streams.checker.check import INVARIANTS, check
from streams.checker.findings import Finding
from streams.checker.history import (
    CONVERSATIONS,
    DELIVERY,
    HISTORY,
    Archive,
    ArchivedRecord,
    Attempt,
    Commit,
    ConversationCounts,
    History,
    Place,
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


def broken(history: History) -> set[str]:
    return {finding.invariant for finding in check(history)}


def only(history: History) -> Finding:
    found = check(history)
    assert len(found) == 1, list(map(str, found))
    return found[0]


def archive(history: History, **changes: Any) -> History:
    assert history.archive is not None
    return replace(history, archive=replace(history.archive, **changes))


def without(log: Mapping[str, Any], topic: str, offset: int) -> dict[str, Any]:
    kept = [record for record in log[topic] if record.place.offset != offset]
    return {**log, topic: kept}


def test_an_ordinary_history_keeps_every_promise() -> None:
    assert check(ordinary().history()) == []


def test_a_history_of_nothing_keeps_every_promise() -> None:
    assert check(History()) == []


def test_there_are_eight_invariants() -> None:
    assert len(INVARIANTS) == 8


# Lost


def test_a_webhook_that_was_acknowledged_and_is_not_in_the_log_is_lost() -> None:
    story = ordinary()
    history = story.history(requests=[*story.requests, Request("ab" * 32, 200, 202)])
    assert only(history).invariant == "lost"


def test_a_webhook_that_got_no_yes_may_be_missing_and_one_that_is_there_twice_is_well() -> None:
    story = ordinary()
    more = [Request("ab" * 32, 200, 503), Request("cd" * 32, 401, 401)]
    assert not check(story.history(requests=[*story.requests[1:], *more]))


def test_a_webhook_that_nothing_came_of_is_lost_and_named_by_its_place() -> None:
    story = ordinary()
    story.webhook(7, told=False)
    found = only(story.history())
    assert (found.invariant, found.place) == ("lost", Place(WEBHOOKS, 0, 4))


def test_a_failure_that_was_never_written_is_lost() -> None:
    story = Story()
    story.webhook(0, told=False, content=b"no json")
    assert only(story.history()).invariant == "lost"


def test_an_account_that_nobody_linked_fails_and_is_not_lost() -> None:
    story = Story()
    record = story.webhook(0, told=False)
    story.fail(record.place, "register", "unknown_account")
    assert not check(story.history())


def test_what_can_be_read_and_failed_all_the_same_is_both() -> None:
    story = Story()
    record = story.webhook(0)
    story.fail(record.place, "normalise", "unknown_shape")
    assert only(story.history()).invariant == "lost"


@pytest.mark.parametrize("topic", [EVENTS, FAILURES])
def test_a_record_that_is_not_in_the_archive_is_lost(topic: str) -> None:
    history = ordinary().history()
    assert history.archive is not None
    records = [one for one in history.archive.records if one.place != Place(topic, 0, 0)]
    found = only(archive(history, records=records))
    assert (found.invariant, found.place) == ("lost", Place(topic, 0, 0))


# Duplicates


def test_a_record_that_a_reader_sees_twice_is_a_duplicate() -> None:
    history = ordinary().history()
    assert history.archive is not None
    doubled = [ArchivedRecord(Place(EVENTS, 0, 0), "", seen=2), *history.archive.records[1:]]
    assert only(archive(history, records=doubled)).invariant == "duplicate"


def test_a_record_stored_twice_is_one_only_where_one_worker_wrote() -> None:
    history = ordinary().history()
    assert history.archive is not None
    doubled = [ArchivedRecord(Place(EVENTS, 0, 0), "", stored=2), *history.archive.records[1:]]
    told = archive(history, records=doubled)
    assert only(told).invariant == "duplicate"
    assert not check(replace(told, single_writer=False))


def test_an_event_stored_more_often_than_it_was_told_is_one_where_one_worker_wrote() -> None:
    history = ordinary().history()
    assert history.archive is not None
    once = dict.fromkeys(history.archive.events, 1)
    assert not check(archive(history, stored_events=once))
    told = archive(history, stored_events={**once, history.archive.events[0]: 2})
    assert only(told).invariant == "duplicate"
    assert not check(replace(told, single_writer=False))


def test_an_event_that_a_reader_sees_twice_is_a_duplicate() -> None:
    history = ordinary().history()
    assert history.archive is not None
    found = archive(history, events=[*history.archive.events, history.archive.events[0]])
    assert only(found).invariant == "duplicate"


def test_a_metric_that_counts_a_message_twice_is_a_duplicate() -> None:
    history = ordinary().history()
    assert only(archive(history, daily_messages={PAGE: 5})).invariant == "duplicate"


def test_an_event_that_is_in_the_log_twice_is_none() -> None:
    story = ordinary()
    story.write(EVENTS, story.log[EVENTS][0].value or b"")
    assert not check(story.history())


# Order


def test_webhooks_that_were_told_in_another_order_are_out_of_order() -> None:
    story = Story()
    first, second = story.webhook(0, told=False), story.webhook(1, told=False)
    story.tell(second)
    story.tell(first)
    assert only(story.history()).invariant == "order"


def test_a_worker_that_reads_again_repeats_itself_and_takes_no_step_back() -> None:
    story = Story()
    one, two = story.webhook(0), story.webhook(1)
    story.tell(one)
    story.tell(two)
    story.webhook(2)
    assert not check(story.history())


def test_sends_that_were_tried_in_another_order_are_out_of_order() -> None:
    story = ordinary()
    for name in ("c2", "c3"):
        story.command(name)
        story.accept(name)
    for name in ("c3", "c2"):
        story.attempt(name)
        story.sent(name)
    assert only(story.history()).invariant == "order"


def test_a_state_that_goes_back_is_a_step_back() -> None:
    def changed(at: int) -> tuple[bytes, bytes]:
        state = ConversationState(
            CONVERSATION, first_correspondent_message_at=1, last_correspondent_message_at=at
        )
        return table_key("c", PAGE, CONVERSATION), codec.conversation_to_bytes(state)

    history = ordinary().history()
    forward = replace(history, state_changes=[changed(1), changed(1), changed(2)])
    assert not check(forward)
    backward = replace(history, state_changes=[changed(2), changed(1), changed(2)])
    assert only(backward).invariant == "order"


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


# Outcomes


def test_a_command_without_an_end_is_found() -> None:
    story = ordinary()
    story.command("c2")
    found = only(story.history())
    assert (found.invariant, found.place) == ("outcome", Place(COMMANDS, 0, 1))
    story.accept("c2")
    assert only(story.history()).invariant == "outcome"


def test_an_unknown_outcome_is_an_end() -> None:
    story = ordinary()
    story.command("c2")
    story.accept("c2")
    story.event(
        events.SendUnknown(
            **story.envelope("unknown", "c2"),
            data=data.SendUnknown(
                provider="meta",
                account_id=PAGE,
                correspondent_id="5550000001",
                command_id="c2",
                reason="timeout",
                message="perhaps",
            ),
        )
    )
    assert not check(story.history())


def test_two_ends_are_one_too_many() -> None:
    story = ordinary()
    story.event(
        events.SendFailed(
            **story.envelope("failed", "c1"),
            data=data.SendFailed(
                provider="meta",
                account_id=PAGE,
                correspondent_id="5550000001",
                command_id="c1",
                reason="expired",
                message="too late",
            ),
        )
    )
    assert only(story.history()).invariant == "outcome"


def test_what_is_no_command_ends_as_a_failure() -> None:
    story = ordinary()
    record = story.command("c2")
    story.fail(record.place, "command", "invalid_command")
    assert not check(story.history())


def test_a_message_that_the_platform_has_twice_is_found() -> None:
    story = ordinary()
    more = Attempt("dm:c1", kept=True, settled=False)
    assert broken(story.history(attempts=[*story.attempts, more])) == {"outcome"}


def test_a_message_is_sent_again_only_after_a_certain_refusal() -> None:
    story = ordinary()
    for settled, wrong in ((True, False), (False, True)):
        attempts = [
            Attempt("dm:c9", kept=False, settled=settled),
            Attempt("dm:c9", kept=True, settled=False),
        ]
        assert broken(story.history(attempts=attempts)) == ({"outcome"} if wrong else set())


def test_no_finding_tells_a_text() -> None:
    story = ordinary()
    key = f"facebook:{PAGE}:5550000001:a secret: with colons:"
    twice = [Attempt(key, kept=True, settled=False)] * 2
    found = check(story.history(attempts=twice))
    assert found
    assert not any("secret" in str(finding) for finding in found)


# Offsets


def commit(group: str, topic: str, offset: int, at: int, archived: int | None = None) -> Commit:
    return Commit(group, topic, 0, offset, at, archived)


def test_a_commit_of_the_archive_s_reader_is_held_against_the_archive() -> None:
    history = ordinary().history()
    for archived, wrong in ((3, False), (2, True)):
        seen = [commit(HISTORY, EVENTS, 3, ms(AT) + 10**6, archived)]
        assert broken(replace(history, commits=seen)) == ({"offset"} if wrong else set())


@pytest.mark.parametrize(
    ("group", "topic", "done_by"),
    [
        (CONVERSATIONS, WEBHOOKS, EVENTS),
        (CONVERSATIONS, COMMANDS, EVENTS),
        (DELIVERY, OUTBOUND_INSTAGRAM, EVENTS),
    ],
)
def test_a_commit_is_never_older_than_what_was_to_be_done(
    group: str, topic: str, done_by: str
) -> None:
    story = ordinary()
    history = story.history()
    reading = story.log[topic][0].timestamp
    later = story.log[done_by][-1].timestamp
    early = replace(history, commits=[commit(group, topic, 1, reading)])
    assert only(early).invariant == "offset"
    assert not check(replace(history, commits=[commit(group, topic, 1, later)]))
    assert not check(replace(history, commits=[commit(group, topic, 0, reading)]))


def test_a_commit_beyond_what_was_never_done_is_found_at_the_first_that_was_not() -> None:
    story = Story()
    story.webhook(0)
    story.webhook(1, told=False)
    story.webhook(2)
    seen = [commit(CONVERSATIONS, WEBHOOKS, 3, ms(story.clock) + 1000)]
    found = [one for one in check(story.history(commits=seen)) if one.invariant == "offset"]
    assert len(found) == 1
    assert " 1 was not done" in found[0].what


def test_a_commit_beyond_the_end_of_the_log_is_found() -> None:
    history = ordinary().history(commits=[commit(CONVERSATIONS, WEBHOOKS, 9, ms(AT) + 10**7)])
    assert only(history).invariant == "offset"


def test_what_was_not_recorded_is_not_looked_at() -> None:
    story = ordinary()
    bare = story.history(requests=None, archive=None, state=None, attempts=None)
    assert not check(bare)
    assert bare.archive is None
    assert isinstance(story.history().archive, Archive)
