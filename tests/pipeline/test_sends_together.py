"""Sends that meet: in one conversation, one account, one month, under one command id."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas import events
from schemas.data import AutoResponseConfigured
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.sandbox import digits
from tests.pipeline.send_rows import assert_sent, row
from tests.pipeline.talking import Talk, own_settings, talking

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("together")
    settings = own_settings(broker, folder, embedded_clickhouse)
    with talking(settings, folder, "conversations", "delivery", "history") as found:
        yield found


def test_a_rate_limit_moves_the_account_s_sends_to_the_delayed_topic_in_their_order(
    talk: Talk,
) -> None:
    account = talk.account("facebook")
    person, other = talk.somebody_writes(account), talk.somebody_writes(account)
    talk.box.post("faults", kind="rate_limited", wait=7, recipient=person, next=1)
    texts = [f"number {number}" for number in range(6)]
    begun = time.monotonic()
    sends = talk.commands(
        *(
            (
                "SendMessage",
                account,
                {"conversation_id": account.conversation(person), "text": text},
            )
            for text in texts
        )
    )
    time.sleep(2.0)
    paused = talk.send(account, other)
    for command_id in (*sends, paused):
        assert isinstance(talk.outcome(command_id), events.MessageSent)
    assert time.monotonic() - begun >= 7
    assert talk.texts_kept(person) == texts
    assert len(talk.box.attempts(person)) == len(texts) + 1
    assert len(talk.box.attempts(other)) == 1


def test_a_rate_limit_at_ayrshare_pauses_the_profile_on_all_its_networks(talk: Talk) -> None:
    """It counts the calls of a profile, and suspends one that goes on after refusals."""
    first = talk.account("facebook", "ayrshare")
    second = talk.beside(first, "instagram")
    other = talk.account("instagram", "ayrshare")
    people = {account: talk.somebody_writes(account) for account in (first, second, other)}
    talk.box.post("faults", kind="rate_limited", wait=8, account=first.id, next=1)
    begun = time.monotonic()
    refused = talk.send(first, people[first])
    talk.log.wait_for(lambda e: isinstance(e, events.SendAttempted) and e in talk.log.of(refused))
    talk.running.wait(lambda: bool(talk.box.attempts(people[first])), 20, "an attempt")
    time.sleep(1.0)
    paused = talk.send(second, people[second])
    free = talk.send(other, people[other])
    assert_sent(talk, other, free)
    assert time.monotonic() - begun < 8
    assert talk.box.attempts(people[second]) == []
    assert_sent(talk, second, paused)
    assert_sent(talk, first, refused)
    assert time.monotonic() - begun >= 8


def test_the_same_command_from_two_callers_gives_one_send(talk: Talk) -> None:
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    given = {"command_id": f"order-{digits()}", "text": "Shipped."}
    talk.send(account, person, **given)
    talk.send(account, person, **given)
    assert isinstance(talk.outcome(given["command_id"]), events.MessageSent)
    talk.send(account, person, **given)
    last = talk.send(account, person)  # what came before it has been decided by then
    assert isinstance(talk.outcome(last), events.MessageSent)
    assert talk.texts_kept(person).count("Shipped.") == 1
    kinds = [event.type for event in talk.log.of(given["command_id"])]
    assert kinds.count("dm.send.accepted.v1") == 1


def test_two_profiles_may_use_the_same_command_id(talk: Talk) -> None:
    for account in (talk.account("facebook"), talk.account("facebook")):
        person = talk.somebody_writes(account)
        talk.send(account, person, command_id="1", text="Each gets their own.")
        talk.running.wait(
            lambda person=person: talk.texts_kept(person) == ["Each gets their own."], 20, "sent"
        )


def test_sends_of_one_conversation_leave_in_the_order_of_their_commands(talk: Talk) -> None:
    account = talk.account("facebook")
    people = [talk.somebody_writes(account) for _ in range(4)]
    talk.box.post("faults", kind="busy", account=account.id, probability=0.3)
    texts = [f"number {number}" for number in range(15)]
    sends = talk.commands(
        *(
            (
                "SendMessage",
                account,
                {"conversation_id": account.conversation(person), "text": text},
            )
            for text in texts
            for person in people
        )
    )
    for command_id in sends:
        assert isinstance(talk.outcome(command_id, 90), events.MessageSent)
    for person in people:
        assert talk.texts_kept(person) == texts


def test_an_automatic_answer_goes_out_once_in_its_wait(talk: Talk) -> None:
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    change = AutoResponseConfigured(active=True, message="We are on it.")
    talk.change("ConfigureAutoResponse", account, "autoresponse.configured", change=change)
    talk.somebody_writes(account, person)
    talk.running.wait(lambda: talk.texts_kept(person) == ["We are on it."], 20, "auto-response")
    talk.somebody_writes(account, person)
    assert isinstance(talk.outcome(talk.send(account, person, text="By hand.")), events.MessageSent)
    assert talk.texts_kept(person) == ["We are on it.", "By hand."]
    answer = talk.log.wait_for(
        lambda e: isinstance(e, events.MessageSent) and e.data.origin == "auto"
    )
    assert row(talk, answer.data.command_id, "sent")["origin"] == "auto"  # type: ignore[union-attr]


def test_only_the_first_hundred_of_three_hundred_conversations_can_be_answered(talk: Talk) -> None:
    """Invariant 7: with 300 people and 400 commands at once from 8 producers."""
    account = talk.account("facebook")
    people = [digits() for _ in range(300)]

    def produce(number: int) -> list[tuple[str, str]]:
        mine = people[number::8]
        for person in mine:
            talk.somebody_writes(account, person)
        wanted = [*mine, *mine[: 13 if number < 4 else 12]]  # 400 in all
        sends = talk.commands(
            *(
                (
                    "SendMessage",
                    account,
                    {"conversation_id": account.conversation(person), "text": f"For {nth}"},
                )
                for nth, person in enumerate(wanted)
            )
        )
        return list(zip(sends, wanted, strict=True))

    with ThreadPoolExecutor(8) as pool:
        sends = [send for part in pool.map(produce, range(8)) for send in part]
    assert len(sends) == 400
    outcomes = {command_id: talk.outcome(command_id, 90) for command_id, _ in sends}
    ranks = {
        event.data.correspondent_id: event.data.rank
        for event in list(talk.log.seen)
        if isinstance(event, events.ConversationActivated) and event.profileid == account.id
    }
    assert sorted(ranks.values()) == list(range(1, 301))
    for command_id, person in sends:
        outcome = outcomes[command_id]
        if ranks[person] <= 100:
            assert isinstance(outcome, events.MessageSent), outcome.type
        else:
            assert isinstance(outcome, events.SendRejected), outcome.type
            assert outcome.data.reason == "monthly_limit_reached"
    assert sum(bool(talk.box.kept(person)) for person in people) == 100
