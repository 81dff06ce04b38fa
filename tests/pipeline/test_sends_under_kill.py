"""Workers killed with SIGKILL while sends are on their way: nothing twice, nothing lost."""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from schemas import events
from schemas.data import AutoResponseConfigured
from streams.conversation.outcomes import outcome_of
from tests.engines import Broker
from tests.pipeline.talking import Account, Talk, own_settings, talking

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka(long=True)]

SENDS = int(os.environ.get("DM_TEST_SENDS", "400"))
"""10000 takes some minutes."""
KILLS = int(os.environ.get("DM_TEST_KILLS", "3"))
CONVERSATIONS = 40
FAULTS = (
    "busy",
    "server_error_before",
    "server_error_after",
    "reset_before",
    "reset_after",
    "error_in_200",
    "window_closed",
    "not_json",
    "truncated",
    "error_yet_kept",
    "oversized",
    "redirect",
)


@pytest.fixture(scope="module")
def talk(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("kills")
    settings = own_settings(broker, folder)
    # 10,000 messages to 40 people are more than Meta takes for them in a day.
    limits = {"meta_person_limits": ""}
    with talking(settings, folder, "conversations", "delivery", **limits) as found:
        yield found


def kill_while_the_platform_hangs(talk: Talk, fault: str) -> tuple[str, str]:
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    talk.box.post("faults", kind=fault, recipient=person, next=1)
    command_id = talk.send(account, person)
    talk.running.wait(lambda: len(talk.box.attempts(person)) == 1, 20, "attempt")
    talk.running.kill("delivery")
    talk.running.start("delivery")
    talk.log.wait_for(
        lambda e: isinstance(e, events.SendUnknown) and e.data.command_id == command_id,
        what="unknown send",
    )
    return person, command_id


def test_a_send_cut_by_a_kill_is_unknown_and_its_echo_resolves_it(talk: Talk) -> None:
    """Invariant 8."""
    person, command_id = kill_while_the_platform_hangs(talk, "hang_after")
    talk.log.wait_for(
        lambda e: isinstance(e, events.MessageSent) and e.data.command_id == command_id,
        what="echo",
    )
    assert outcome_of(talk.log.of(command_id)).status == "sent"
    assert len(talk.box.attempts(person)) == 1


def test_a_send_cut_by_a_kill_that_no_echo_resolves_is_never_tried_again(talk: Talk) -> None:
    """Invariant 8."""
    person, command_id = kill_while_the_platform_hangs(talk, "hang_before")
    time.sleep(2.0)
    assert outcome_of(talk.log.of(command_id)).status == "unknown"
    assert len(talk.box.attempts(person)) == 1


def test_a_send_that_was_accepted_but_not_handed_on_leaves_once_all_the_same(talk: Talk) -> None:
    """Invariant 6."""
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    talk.running.kill("conversations")
    talk.running.start("conversations", "tests.pipeline.dying_worker")
    dying = talk.running.children.pop("conversations")
    command_id = talk.send(account, person)
    assert dying.wait(20) < 0
    accepted = [e for e in talk.log.of(command_id) if isinstance(e, events.SendAccepted)]
    assert len(accepted) == 1
    assert talk.box.attempts(person) == []
    talk.running.start("conversations")
    assert isinstance(talk.outcome(command_id), events.MessageSent)
    time.sleep(1.0)
    assert len(talk.box.attempts(person)) == 1


def test_an_automatic_answer_that_was_accepted_but_not_handed_on_leaves_once_all_the_same(
    talk: Talk,
) -> None:
    """Invariants 6 and 8: no command brings it again, its message does."""
    account = talk.account("facebook")
    change = AutoResponseConfigured(active=True, message="We are on it.")
    talk.change("ConfigureAutoResponse", account, "autoresponse.configured", change=change)
    talk.running.kill("conversations")
    talk.running.start("conversations", "tests.pipeline.dying_worker")
    dying = talk.running.children.pop("conversations")
    person = talk.somebody_writes(account)
    assert dying.wait(20) < 0
    assert talk.box.attempts(person) == []
    talk.running.start("conversations")
    talk.running.wait(lambda: talk.texts_kept(person) == ["We are on it."], 30, "auto-response")
    time.sleep(1.0)
    assert len(talk.box.attempts(person)) == 1
    accepted = {
        e.id
        for e in talk.log.seen
        if isinstance(e, events.SendAccepted)
        if person in str(e.subject)
    }
    assert len(accepted) == 1


def test_a_message_that_came_while_the_worker_was_down_still_gets_its_automatic_answer(
    talk: Talk,
) -> None:
    """The webhook's event may be in the log before the worker that would answer it died."""
    account = talk.account("facebook")
    first, second = talk.somebody_writes(account), talk.somebody_writes(account)
    change = AutoResponseConfigured(active=True, message="We are on it.")
    talk.change("ConfigureAutoResponse", account, "autoresponse.configured", change=change)
    talk.running.kill("conversations")
    made = talk.box.post(
        "write",
        provider=account.provider,
        platform=account.platform,
        account_id=account.id,
        correspondent_id=second,
        text="Anybody there?",
    )
    assert made
    talk.running.start("conversations")
    talk.running.wait(lambda: talk.texts_kept(second) == ["We are on it."], 30, "auto-response")
    assert talk.texts_kept(first) == []


def test_every_command_has_one_outcome_and_nothing_is_sent_twice_under_faults_and_kills(
    talk: Talk,
) -> None:
    """Invariants 6 and 8, and the order within conversations."""
    accounts = [talk.account("facebook") for _ in range(4)]
    places = [
        (account, talk.somebody_writes(account))
        for account in accounts
        for _ in range(CONVERSATIONS // len(accounts))
    ]
    for kind in FAULTS:
        for account in accounts:
            talk.box.post("faults", kind=kind, account=account.id, probability=0.1 / len(FAULTS))
    for account in accounts:
        talk.box.post("faults", kind="rate_limited", wait=6, account=account.id, skip=20, next=1)
    sends: dict[str, tuple[Account, str]] = {}
    chance = random.Random(7)
    wait = 0.0
    for number in range(KILLS + 1):
        share = range(number * SENDS // (KILLS + 1), (number + 1) * SENDS // (KILLS + 1))
        wanted = [places[nth % len(places)] for nth in share]
        made = talk.commands(
            *(
                (
                    "SendMessage",
                    account,
                    {"conversation_id": account.conversation(person), "text": f"{nth:06}"},
                )
                for nth, (account, person) in zip(share, wanted, strict=True)
            )
        )
        sends |= dict(zip(made, wanted, strict=True))
        wait = chance.uniform(0.2, 1.5)
        time.sleep(wait)
        if number < KILLS:
            talk.running.kill("delivery")
            talk.running.start("delivery")
    told: dict[str, list[events.Event]] = defaultdict(list)

    def all_told() -> bool:
        told.clear()
        for event in list(talk.log.seen):
            command_id = getattr(event.data, "command_id", None)
            if command_id in sends:
                told[command_id].append(event)
        return all(outcome_of(told[c]).status not in {"none", "accepted"} for c in sends)

    talk.running.wait(all_told, 60 + SENDS / 20, "outcome of every command")
    outcomes = [outcome_of(told[command_id]) for command_id in sends]
    assert not any(outcome.contradictory for outcome in outcomes)
    assert {outcome.status for outcome in outcomes} <= {"sent", "failed", "unknown"}
    assert sum(outcome.status == "sent" for outcome in outcomes) > SENDS * 0.7
    stats = talk.box.get("stats")
    assert stats["sent_again"] == []
    assert stats["kept_more_than_once"] == {}
    assert stats["redirects_followed"] == 0
    for _, person in places:
        texts = talk.texts_kept(person)
        assert texts == sorted(texts)
