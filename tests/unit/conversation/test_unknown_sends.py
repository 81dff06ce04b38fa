"""A send whose outcome is unknown is resolved by its echo, and by nothing else."""

from datetime import datetime, timedelta

import pytest

from schemas import events
from schemas.events import Event
from streams.conversation import sends
from streams.conversation.outcomes import outcome_of
from tests.unit.conversation.world import (
    Worker,
    after,
    ago,
    became,
    echo,
    kinds,
    send,
    worker,
    writes,
)  # fmt: skip

TEXT = "good day"


def sending(*commands: str, text: str = TEXT) -> Worker:
    """A conversation in which these were accepted at NOW, with the same text."""
    one = worker()
    one.hear(writes(ago(minutes=1)))
    for command_id in commands:
        one.do(send(command_id, text=text))
    return one


def attempt(command_id: str, at: datetime) -> Event:
    return became("send.attempted", command_id, at)


def unknown(command_id: str, at: datetime) -> Event:
    return became("send.unknown", command_id, at, text=TEXT)


def status(one: Worker, command_id: str) -> str:
    return outcome_of(one.outcomes[command_id].events).status


def test_an_echo_that_names_the_command_resolves_it() -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    assert status(one, "c") == "unknown"
    one.hear(echo(after(seconds=40), command_id="c", text=TEXT))
    assert status(one, "c") == "sent"
    assert one.conversation().open == ()


def test_an_echo_with_the_same_text_resolves_it_with_its_own_id() -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    heard = echo(after(seconds=3), text=TEXT, message_id="m-1", heard=after(seconds=40))
    derived = one.hear(heard)
    (sent,) = [event for event in derived if isinstance(event, events.MessageSent)]
    assert sent.id == heard.id, "it is the same happening"
    assert (sent.data.command_id, sent.data.origin, sent.time) == ("c", "api", heard.time)
    assert sent.data.text == TEXT
    assert status(one, "c") == "sent"


def test_an_echo_that_came_before_the_timeout_resolves_it_too_and_keeps_its_text() -> None:
    one = sending("c")
    heard = echo(after(seconds=3), text=TEXT, message_id="m-1")
    assert kinds(one.hear(attempt("c", after(seconds=1)), heard)) == []
    (sent,) = one.hear(unknown("c", after(seconds=31)))
    assert isinstance(sent, events.MessageSent)
    assert (sent.id, sent.time, sent.data.text) == (heard.id, heard.time, TEXT)
    assert status(one, "c") == "sent"


def test_blanks_and_composition_of_letters_do_not_hide_an_echo() -> None:
    one = sending("c", text="caf\u00e9  au lait\r\n")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    assert "message.sent" in kinds(one.hear(echo(after(seconds=3), text="cafe\u0301 au lait")))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("something else", after(seconds=3)),
        (None, after(seconds=3)),
        (TEXT, ago(seconds=10)),
        (TEXT, after(seconds=1) + timedelta(minutes=10, milliseconds=1)),
    ],
    ids=["another_text", "no_text", "before_the_attempt", "more_than_10_minutes_after"],
)
def test_other_messages_do_not_resolve_it(text: str | None, at: datetime) -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    assert "message.sent" not in kinds(one.hear(echo(at, text=text, heard=after(seconds=60))))
    assert status(one, "c") == "unknown"


def test_exactly_10_minutes_after_the_attempt_an_echo_still_resolves_it() -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    at = after(seconds=1) + timedelta(minutes=10)
    assert "message.sent" in kinds(one.hear(echo(at, text=TEXT)))


@pytest.mark.parametrize(("late", "resolved"), [(0, True), (1, False)])
def test_after_15_minutes_it_stays_unknown(late: int, *, resolved: bool) -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    heard = after(seconds=31) + timedelta(minutes=15, milliseconds=late)
    derived = one.hear(echo(after(seconds=3), text=TEXT, heard=heard))
    assert ("message.sent" in kinds(derived)) == resolved


def test_an_older_message_with_the_same_text_delivered_again_is_never_taken_for_it() -> None:
    one = sending("c")
    old = echo(after(seconds=1), text=TEXT, message_id="typed by hand")
    one.hear(old, attempt("c", after(seconds=2)), old, unknown("c", after(seconds=32)), old)
    assert status(one, "c") == "unknown"


def test_one_echo_resolves_one_command_the_oldest() -> None:
    one = sending("c-1", "c-2")
    for command_id in ("c-1", "c-2"):
        one.hear(attempt(command_id, after(seconds=1)), unknown(command_id, after(seconds=31)))
    one.hear(echo(after(seconds=3), text=TEXT, message_id="m-1"))
    assert (status(one, "c-1"), status(one, "c-2")) == ("sent", "unknown")
    one.hear(echo(after(seconds=3), text=TEXT, message_id="m-1"))
    assert status(one, "c-2") == "unknown", "the same echo again"
    one.hear(echo(after(seconds=4), text=TEXT, message_id="m-2"))
    assert status(one, "c-2") == "sent"


def test_the_echo_of_a_confirmed_send_does_not_resolve_an_unknown_one() -> None:
    """The operator sent the same text again after a timeout."""
    one = sending("lost", "again")
    one.hear(attempt("lost", after(seconds=1)), unknown("lost", after(seconds=31)))
    one.hear(
        attempt("again", after(seconds=40)),
        echo(after(seconds=41), text=TEXT, message_id="m-2", command_id="again", origin="api"),
        echo(after(seconds=41), text=TEXT, message_id="m-2"),
    )
    assert (status(one, "lost"), status(one, "again")) == ("unknown", "sent")


def test_while_another_send_with_the_same_text_is_on_its_way_an_echo_waits_for_its_end() -> None:
    one = sending("lost", "again")
    one.hear(
        attempt("lost", after(seconds=1)),
        unknown("lost", after(seconds=31)),
        attempt("again", after(seconds=40)),
        echo(after(seconds=41), text=TEXT, message_id="m-2"),
    )
    assert status(one, "lost") == "unknown"
    one.hear(echo(after(seconds=42), text=TEXT, message_id="m-2", command_id="again"))
    assert (status(one, "lost"), status(one, "again")) == ("unknown", "sent")


def test_once_the_other_send_has_its_own_message_the_echo_that_is_left_resolves_it() -> None:
    one = sending("lost", "again")
    one.hear(
        attempt("lost", after(seconds=1)),
        unknown("lost", after(seconds=31)),
        attempt("again", after(seconds=40)),
        echo(after(seconds=41), text=TEXT, message_id="m-1"),
        echo(after(seconds=42), text=TEXT, message_id="m-2", command_id="again"),
    )
    assert (status(one, "lost"), status(one, "again")) == ("sent", "sent")
    assert not any(outcome_of(outcome.events).contradictory for outcome in one.outcomes.values())


def test_a_send_that_failed_is_not_resolved_by_any_echo() -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), became("send.failed", "c", after(seconds=2)))
    one.hear(echo(after(seconds=3), text=TEXT))
    assert status(one, "c") == "failed"


def test_media_are_recognised_by_ids_alone() -> None:
    one = worker()
    one.hear(writes(ago(minutes=1)))
    accepted = one.do(send("c", text="see", media_urls=("https://h/a.jpg",)))[-1]
    assert not accepted.data.echo_by_text
    assert one.conversation().open == ()


def test_state_holds_few_open_sends_and_never_a_text() -> None:
    one = sending(*(f"c-{number}" for number in range(sends.MOST_OPEN + 6)))
    assert len(one.conversation().open) == sends.MOST_OPEN
    assert TEXT not in repr(one.conversation())
    one.hear(echo(after(seconds=1), command_id="c-0"))
    assert one.do(send("next"))[-1].data.echo_by_text, "there is room again"


def test_of_ten_sends_under_way_each_is_recognised_by_its_text() -> None:
    one = worker()
    one.hear(writes(ago(minutes=1)))
    for number in range(10):
        one.do(send(f"c-{number}", text=f"number {number}"))
        one.hear(attempt(f"c-{number}", after(seconds=1)))
    one.hear(*(unknown(f"c-{number}", after(seconds=31)) for number in range(10)))
    for number in (9, 0, 5):
        one.hear(echo(after(seconds=3), text=f"number {number}", message_id=f"m-{number}"))
    ends = [status(one, f"c-{number}") for number in range(10)]
    assert [number for number, end in enumerate(ends) if end == "sent"] == [0, 5, 9]


def test_an_echo_that_may_be_of_a_send_that_had_no_room_resolves_nothing() -> None:
    one = sending(*(f"c-{number}" for number in range(sends.MOST_OPEN + 1)))
    one.hear(attempt("c-0", after(seconds=1)), unknown("c-0", after(seconds=31)))
    one.hear(echo(after(seconds=3), text=TEXT, message_id="perhaps of the last"))
    assert status(one, "c-0") == "unknown"


def test_an_attempt_told_twice_still_has_the_echo_that_came_late() -> None:
    """Invariant 5."""
    one = sending("c")
    begun = attempt("c", after(seconds=1))
    one.hear(begun, echo(after(seconds=10), text="typed elsewhere"), begun)
    one.hear(unknown("c", after(seconds=31)))
    one.hear(echo(after(seconds=3), text=TEXT, heard=after(seconds=40)))
    assert status(one, "c") == "sent"


def test_a_message_with_a_picture_is_not_the_echo_of_a_text() -> None:
    one = sending("c")
    one.hear(attempt("c", after(seconds=1)), unknown("c", after(seconds=31)))
    picture = ({"type": "image", "platform_type": "image"},)
    one.hear(echo(after(seconds=3), text=TEXT, attachments=picture, message_id="m-1"))
    assert status(one, "c") == "unknown"
    preview = ({"type": "share", "platform_type": "share"},)
    one.hear(echo(after(seconds=4), text=TEXT, attachments=preview, message_id="m-2"))
    assert status(one, "c") == "sent"


def test_stale_open_sends_make_room() -> None:
    one = sending(*(f"c-{number}" for number in range(4)))
    one.hear(writes(after(hours=1)))
    assert one.do(send("later"), after(hours=2))[-1].data.echo_by_text
    assert [one.command_id for one in one.conversation().open] == ["later"]
