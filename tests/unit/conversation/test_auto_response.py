"""The automatic answer: at most one per wait and correspondent."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.commands import SendMessage
from schemas.events import Event
from streams.conversation import keys
from streams.conversation.autoresponse import auto_response
from streams.conversation.rules import DEFAULT_AUTO_MESSAGE
from tests.unit.conversation.world import (
    NOW,
    PROFILE,
    Worker,
    after,
    ago,
    became,
    echo,
    of_profile,
    told,
    worker,
    writes,
)  # fmt: skip

DAY = timedelta(days=1)
MS = timedelta(milliseconds=1)


def answering(**setting: Any) -> Worker:
    one = worker()
    one.hear(of_profile("autoresponse.configured", **({"active": True} | setting)))
    return one


def answer(one: Worker, event: Event) -> SendMessage | None:
    one.hear(event)
    return auto_response(one.state_for(keys.conversation_of(event), None), event, one.rules)


def test_it_is_off_until_it_is_turned_on() -> None:
    assert answer(worker(), writes()) is None


def test_a_correspondent_who_writes_gets_the_default_message() -> None:
    one, event = answering(), writes()
    command = answer(one, event)
    assert command is not None
    assert (command.text, command.origin) == (DEFAULT_AUTO_MESSAGE, "auto")
    assert (command.profileid, command.conversation_id) == (PROFILE, event.subject)
    assert one.reason(command) is None


def test_its_command_id_is_a_pure_function_of_the_message_so_a_replay_answers_once() -> None:
    """Invariant 8."""
    one, event = answering(), writes()
    command, again = answer(one, event), answer(answering(), writes())
    assert command is not None
    assert command == again
    assert one.do(command) != []
    assert one.do(command) == []


def test_an_own_message_is_sent_and_an_empty_one_resets_to_the_default() -> None:
    one = answering(message="We are closed.")
    command = answer(one, writes())
    assert command is not None
    assert command.text == "We are closed."
    one.hear(of_profile("autoresponse.configured", NOW, message=""))
    command = answer(one, writes(after(minutes=1)))
    assert command is not None
    assert command.text == DEFAULT_AUTO_MESSAGE


def test_a_setting_that_is_left_out_stays_as_it_is() -> None:
    one = answering(message="We are closed.", wait_seconds=60)
    one.hear(of_profile("autoresponse.configured", NOW, wait_seconds=30))
    command = answer(one, writes(after(minutes=1)))
    assert command is not None
    assert command.text == "We are closed."


@pytest.mark.parametrize(("later", "answered"), [(DAY - MS, False), (DAY, True)])
def test_the_next_one_waits_a_day(later: timedelta, *, answered: bool) -> None:
    one = answering()
    first = answer(one, writes(ago(seconds=1)))
    assert first is not None
    one.do(first, NOW)
    assert (answer(one, writes(NOW + later)) is not None) == answered


def test_the_wait_can_be_set() -> None:
    one = answering(wait_seconds=60)
    first = answer(one, writes(NOW))
    assert first is not None
    one.do(first, NOW)
    assert answer(one, writes(after(seconds=59))) is None
    assert answer(one, writes(after(seconds=60))) is not None


def test_the_wait_is_of_each_correspondent() -> None:
    one = answering()
    first = answer(one, writes(NOW))
    assert first is not None
    one.do(first, NOW)
    assert answer(one, writes(after(seconds=1), person="another")) is not None


def test_two_messages_read_before_the_first_answer_is_decided_are_answered_once() -> None:
    one = answering()
    first, second = answer(one, writes(NOW)), answer(one, writes(after(seconds=1)))
    assert first is not None
    assert second is not None
    assert one.reason(first, after(seconds=2)) is None
    assert one.reason(second, after(seconds=2)) == "auto_response_too_soon"


@pytest.mark.parametrize("kind", ["message.read", "postback.received", "typing.started"])
def test_only_a_message_is_answered(kind: str) -> None:
    one = answering()
    one.hear(writes(ago(days=2)))
    assert answer(one, told(kind, NOW)) is None


def test_never_on_the_accounts_own_messages() -> None:
    assert answer(answering(), echo(NOW)) is None


def test_never_on_fetched_history() -> None:
    assert answer(answering(), writes(NOW, backfilled=True)) is None


def test_never_on_the_standby_channel_where_another_app_answers() -> None:
    assert answer(answering(), writes(NOW, standby=True)) is None


@pytest.mark.parametrize(("late", "answered"), [(0, True), (1, False)])
def test_never_on_a_message_received_more_than_10_minutes_after_it_happened(
    late: int, *, answered: bool
) -> None:
    heard = NOW + timedelta(minutes=10, milliseconds=late)
    assert (answer(answering(), writes(NOW, heard=heard)) is not None) == answered


def test_it_passes_the_same_checks_as_any_other_send() -> None:
    one = answering()
    one.hear(of_profile("limit.changed", monthly_limit=0))
    command = answer(one, writes(ago(minutes=1)))
    assert command is not None
    assert one.reason(command) == "monthly_limit_reached"


def test_one_that_failed_for_good_did_not_go_to_them_so_the_next_message_is_answered() -> None:
    one = answering()
    first = answer(one, writes(NOW))
    assert first is not None
    one.do(first, NOW)
    one.hear(became("send.failed", first.command_id, after(seconds=1), origin="auto"))
    second = answer(one, writes(after(seconds=2)))
    assert second is not None
    assert one.reason(second, after(seconds=3)) is None


def test_one_whose_outcome_is_unknown_may_have_gone_to_them() -> None:
    one = answering()
    first = answer(one, writes(NOW))
    assert first is not None
    one.do(first, NOW)
    one.hear(became("send.unknown", first.command_id, after(seconds=1), origin="auto"))
    assert answer(one, writes(after(seconds=2))) is None


def test_a_persons_answer_in_between_changes_nothing() -> None:
    one = answering()
    one.hear(writes(ago(hours=2)), echo(ago(hours=1)))
    assert answer(one, writes(NOW)) is not None
