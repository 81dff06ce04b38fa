"""The checker on outcomes and offsets: histories that keep the promise, and that break it."""

from dataclasses import replace

import pytest

from schemas import data, events
from schemas.topics import COMMANDS, EVENTS, OUTBOUND_INSTAGRAM, WEBHOOKS
from streams.checker.check import check
from streams.checker.history import (
    CONVERSATIONS,
    DELIVERY,
    HISTORY,
    Archive,
    Attempt,
    Commit,
    Place,
)
from tests.unit.checker.histories import (
    AT,
    PAGE,
    Story,
    ms,
    ordinary,
)
from tests.unit.checker.looking import broken, only

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
