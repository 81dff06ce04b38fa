"""Each invariant of the checker: a history that keeps it, and histories that break it."""

from dataclasses import replace

import pytest

from schemas.topics import EVENTS, FAILURES, WEBHOOKS
from streams.agents.working_set import table_key
from streams.checker.check import INVARIANTS, check
from streams.checker.history import (
    ArchivedRecord,
    History,
    Place,
    Request,
)
from streams.conversation import codec
from streams.conversation.state import ConversationState
from tests.unit.checker.histories import (
    CONVERSATION,
    PAGE,
    Story,
    ordinary,
)
from tests.unit.checker.looking import archive, only


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
