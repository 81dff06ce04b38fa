"""Accepted sends without an outcome, found while the log is read back."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from schemas import data, events
from schemas.events import Event, SendAccepted
from streams.agents import send_events
from streams.agents.outgoing import Outgoing
from streams.conversation.outcomes import outcome_of
from streams.erasures import Erasures
from streams.local import journal_notes
from streams.local.open_sends import OpenSends
from streams.local.resuming import lost
from streams.providers.protocol import Sent
from streams.providers.retry import Unknown
from streams.settings import Settings
from tests.unit.agents.sends import NOON, accepted

SEND = accepted("a")


def item(send: SendAccepted = SEND, attempts: int = 1) -> Outgoing:
    return Outgoing(send, 0, 0, attempts=attempts, attempted_at=NOON)


def ends() -> dict[str, Event]:
    (sent,) = send_events.sent(item(), Sent(("m",), "p"), NOON)
    return {
        "sent": sent,
        "failed": send_events.failed(item(), "blocked", "They blocked it.", None, NOON),
        "unknown": send_events.unknown(item(), Unknown("interrupted", "It ended."), NOON),
    }


def left(*told: Event) -> OpenSends:
    sends = OpenSends()
    for event in told:
        sends.note(event.to_json())
    return sends


def test_a_send_without_an_outcome_is_open_with_its_last_attempt() -> None:
    attempts = [send_events.attempted(item(attempts=number), NOON) for number in (1, 2)]
    (found,) = left(SEND, *attempts)
    assert found.accepted == SEND
    assert found.attempted == attempts[1]
    (found,) = left(SEND)
    assert found.attempted is None


@pytest.mark.parametrize("end", ["sent", "failed", "unknown"])
def test_any_outcome_closes_it_and_no_other_send(end: str) -> None:
    """Invariant 8: what is unknown is not sent again either."""
    other = accepted("b")
    assert [send.accepted for send in left(SEND, other, ends()[end])] == [other]


def test_the_same_id_of_another_profile_is_another_send() -> None:
    theirs = SEND.model_copy(update={"profileid": "other", "id": "theirs"})
    assert [send.accepted for send in left(SEND, theirs, ends()["sent"])] == [theirs]


def test_they_come_in_the_order_in_which_they_were_accepted() -> None:
    order = [accepted(name) for name in ("c", "a", "b")]
    assert [send.accepted for send in left(*order)] == order


def test_messages_that_speak_of_sends_or_are_nobody_s_command_are_passed_over() -> None:
    message = events.MessageSent(
        id="m", source="/dmstream/x/44", time=NOON, receivedat=NOON, profileid="profile",
        data=data.Message(
            provider="x", account_id="44", correspondent_id="5", message_id="m",
            text='{"type":"dm.send.failed.v1","command_id":"a"}',
        ),
    )  # fmt: skip
    sends = left(SEND, message)
    sends.note(b'{"type":"dm.send.failed.v1","but":"broken"}')
    assert [send.accepted for send in sends] == [SEND]


def test_a_lost_send_is_told_as_unknown_after_an_attempt_so_that_an_echo_resolves_it() -> None:
    (found,) = left(SEND)
    attempt, unknown = lost(found, Erasures(), NOON + timedelta(hours=1))
    assert isinstance(attempt, events.SendAttempted)
    assert attempt.time == SEND.time
    assert attempt.id == send_events.attempted(item(), NOON).id  # had it been made and lost
    assert isinstance(unknown, events.SendUnknown)
    assert unknown.data.reason == "interrupted"
    assert unknown.data.text == SEND.data.text
    assert outcome_of([SEND, attempt, unknown]).status == "unknown"


def test_a_lost_send_that_was_attempted_keeps_its_attempts() -> None:
    (found,) = left(SEND, send_events.attempted(item(attempts=2), NOON))
    (unknown,) = lost(found, Erasures(), NOON)
    assert isinstance(unknown, events.SendUnknown)
    assert unknown.data.attempts == 2


def test_notes_speak_of_the_log_that_they_were_kept_for_and_are_gone_once_workers_start(
    tmp_path: Path,
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert journal_notes.find(settings, "log-1") is None
    file = journal_notes.notes_file(settings)
    file.parent.mkdir()
    file.write_bytes(orjson.dumps({"log": "log-1", "notes": {"a": {"progress": "waiting"}}}))
    found = journal_notes.find(settings, "log-1")
    assert found is not None
    assert found.notes == {"a": {"progress": "waiting"}}
    assert journal_notes.find(settings, "log-2") is None
    assert journal_notes.find(settings, None) is None
    journal_notes.forget(settings)
    assert journal_notes.find(settings, "log-1") is None
    journal_notes.forget(settings)
