"""One command, one outcome: the order of the reasons, repeated commands, the ends."""

from datetime import timedelta

import pytest

from schemas import events
from streams.conversation import sending
from streams.conversation.outcomes import is_forgotten, outcome_of
from streams.conversation.state import OutcomeEvent
from tests.unit.conversation.world import (
    NOW,
    Worker,
    after,
    ago,
    became,
    echo,
    kinds,
    linked,
    of_profile,
    send,
    told,
    worker,
    writes,
)  # fmt: skip

WEEK = timedelta(days=7)
MS = timedelta(milliseconds=1)


def talking() -> Worker:
    one = worker()
    one.hear(writes(ago(minutes=1)))
    return one


def test_reasons_are_given_in_the_order_of_the_contract() -> None:
    """All is wrong at first; each cure uncovers the next reason."""
    one = Worker()
    given: list[str | None] = []

    def ask(text: str | None = "good day") -> None:
        given.append(one.reason(send(f"c-{len(given)}", text=text)))

    one.hear(
        told("thread.control_lost", ago(minutes=30)),
        became("send.failed", "before", ago(minutes=1), reason="recipient_unavailable"),
        of_profile("limit.changed", monthly_limit=0),
    )
    ask(text=None)
    ask()
    one.hear(of_profile("messaging.activated", ago(days=40)))
    ask()
    one.hear(linked(at=ago(days=50)))
    ask()
    one.hear(linked(at=ago(days=40)))
    ask()
    one.hear(writes(ago(days=8)))
    ask()
    one.hear(told("thread.control_gained", ago(minutes=20)))
    ask()
    one.hear(writes(ago(days=1)))
    ask()
    one.hear(of_profile("limit.changed", NOW, monthly_limit=100))
    ask()
    one.hear(echo(NOW))
    ask()
    assert given == [
        "invalid", "messaging_inactive", "account_unlinked", "relink_required", "not_initiated",
        "thread_controlled_elsewhere", "reply_window_closed", "monthly_limit_reached",
        "recipient_unavailable", None,
    ]  # fmt: skip


def test_an_unavailable_recipient_can_be_written_to_once_they_write_again() -> None:
    one = talking()
    one.do(send("c-1"))
    one.hear(became("send.failed", "c-1", NOW, reason="recipient_unavailable"))
    assert one.reason(send("c-2"), after(hours=1)) == "recipient_unavailable"
    one.hear(writes(after(hours=2)))
    assert one.reason(send("c-3"), after(hours=3)) is None


def test_a_repeated_command_is_not_decided_twice() -> None:
    one = talking()
    first = one.do(send())
    assert one.do(send()) == []
    assert one.do(send(), after(days=6)) == []
    assert outcome_of(one.outcomes["c-1"].events).status == "accepted"
    assert one.outcomes["c-1"].events[-1].id == first[-1].id


def test_a_repeated_command_keeps_its_rejection_although_it_would_pass_now() -> None:
    one = worker()
    (rejected,) = one.do(send())
    one.hear(writes(NOW))
    assert one.do(send(), after(minutes=1)) == []
    assert one.outcomes["c-1"].events == (
        OutcomeEvent("send.rejected", rejected.id, "not_initiated"),
    )


@pytest.mark.parametrize(("later", "decided"), [(WEEK - MS, False), (WEEK, True)])
def test_a_commands_id_is_remembered_for_7_days(later: timedelta, *, decided: bool) -> None:
    one = talking()
    one.do(send())
    assert is_forgotten(one.outcomes["c-1"], _ms(one, later)) == decided
    assert bool(one.do(send(), NOW + later)) == decided


def _ms(one: Worker, later: timedelta) -> int:
    return one.outcomes["c-1"].at + int(later / MS)


def test_an_id_that_is_used_again_later_is_another_command_and_no_contradiction() -> None:
    one = talking()
    one.do(send())
    one.hear(echo(after(seconds=1), command_id="c-1"))
    again = after(days=8)
    one.hear(writes(again))
    one.do(send(), again)
    assert outcome_of(one.outcomes["c-1"].events).status == "accepted"
    assert [open_send.command_id for open_send in one.conversation().open] == ["c-1"]
    one.hear(echo(again + timedelta(seconds=1), message_id="another", command_id="c-1"))
    ended = outcome_of(one.outcomes["c-1"].events)
    assert (ended.status, ended.contradictory) == ("sent", False)
    told_late = echo(after(seconds=1), command_id="c-1")
    one.hear(told_late)
    assert outcome_of(one.outcomes["c-1"].events) == ended


def test_a_commands_end_keeps_it_remembered_for_7_days_more() -> None:
    one = talking()
    one.do(send())
    one.hear(echo(after(days=1), command_id="c-1"))
    assert one.do(send(), after(days=7, hours=12)) == []


def test_ids_of_outcomes_are_made_from_the_command_so_that_a_replay_makes_them_again() -> None:
    """Invariant 3."""
    assert [event.id for event in talking().do(send())] == [
        event.id for event in talking().do(send())
    ]


def test_two_profiles_may_use_the_same_command_id() -> None:
    here = worker().do(send())[-1]
    there = worker().do(send().model_copy(update={"profileid": "profile-2"}))[-1]
    assert here.id != there.id


def test_outcomes_name_their_command_as_cause_and_carry_its_correlation() -> None:
    accepted = talking().do(send(correlationid="trace-1"))[-1]
    assert (accepted.causationid, accepted.correlationid) == ("c-1", "trace-1")
    assert accepted.time == accepted.receivedat == NOW


def test_a_send_expires_after_15_minutes_or_when_the_command_says() -> None:
    one = talking()
    assert one.do(send("c-1"))[-1].data.expires_at == after(minutes=15)
    assert one.do(send("c-2", expires_at=after(hours=5)))[-1].data.expires_at == after(hours=5)


def test_what_a_worker_that_died_did_not_hand_on_is_made_again_alike() -> None:
    one = talking()
    command = send()
    (accepted,) = [event for event in one.do(command) if isinstance(event, events.SendAccepted)]
    assert one.do(command) == []
    assert sending.accepted_again(one.state_of(command), command, NOW, one.rules) == accepted
    one.hear(echo(after(seconds=2), command_id="c-1"))
    assert sending.accepted_again(one.state_of(command), command, NOW, one.rules) is None


@pytest.mark.parametrize(
    "since",
    [
        of_profile("messaging.deactivated", after(seconds=1)),
        told("thread.control_lost", after(seconds=1)),
        of_profile("limit.changed", after(seconds=1), monthly_limit=0),
    ],
)
def test_it_is_handed_on_also_where_it_would_be_refused_by_now(since: events.Event) -> None:
    """It was accepted: its outcome is told by the delivery worker, and by nobody else."""
    one = talking()
    command = send()
    (accepted,) = [event for event in one.do(command) if isinstance(event, events.SendAccepted)]
    one.hear(since)
    assert sending.accepted_again(one.state_of(command), command, NOW, one.rules) == accepted


def test_nothing_is_handed_on_again_for_a_rejected_or_unheard_of_command() -> None:
    one = worker()
    command = send()
    assert sending.accepted_again(one.state_of(command), command, NOW, one.rules) is None
    one.do(command)
    assert sending.accepted_again(one.state_of(command), command, NOW, one.rules) is None


ENDS = {
    "sent": [echo(after(seconds=2), command_id="c-1")],
    "failed": [became("send.failed", "c-1", after(seconds=2))],
    "unknown": [became("send.unknown", "c-1", after(seconds=2))],
    "accepted": [became("send.attempted", "c-1", after(seconds=2))],
}


@pytest.mark.parametrize("status", ENDS)
def test_a_commands_end_is_read_from_its_events(status: str) -> None:
    """Invariant 6."""
    accepted = talking().do(send())
    outcome = outcome_of([*accepted, *ENDS[status], *ENDS[status]])
    assert (outcome.status, outcome.contradictory) == (status, False)


def test_an_unknown_send_that_is_resolved_was_sent() -> None:
    """Invariant 6."""
    told_of = [*talking().do(send()), *ENDS["sent"], *ENDS["unknown"]]
    assert outcome_of(told_of).status == outcome_of(reversed(told_of)).status == "sent"


def test_two_ends_are_a_contradiction() -> None:
    """Invariants 6 and 8: the checker must be able to fail."""
    accepted = talking().do(send())
    rejected = worker().do(send())
    twice = [*ENDS["sent"], echo(after(seconds=3), command_id="c-1")]
    assert outcome_of([*accepted, *ENDS["sent"], *ENDS["failed"]]).contradictory
    assert outcome_of([*accepted, *twice]).contradictory
    assert outcome_of([*accepted, *rejected]).contradictory
    assert not outcome_of(rejected).contradictory


def test_a_command_of_which_nothing_is_known_has_no_outcome() -> None:
    assert outcome_of([]).status == "none"


def test_an_outcome_that_is_told_before_the_accept_leaves_nothing_open() -> None:
    """Invariant 5."""
    one, two = talking(), talking()
    accepted = one.do(send())
    end = echo(after(seconds=2), command_id="c-1")
    one.hear(end)
    two.hear(end, *accepted)
    assert one.conversation() == two.conversation()
    assert one.conversation().open == ()
    assert one.outcomes == two.outcomes


def test_each_answer_is_one_of_accepted_or_rejected() -> None:
    one = talking()
    for number in range(3):
        answer = kinds(one.do(send(f"c-{number}", person="555" if number else "404")))
        assert answer[-1] in {"send.accepted", "send.rejected"}
        assert len({"send.accepted", "send.rejected"} & set(answer)) == 1
