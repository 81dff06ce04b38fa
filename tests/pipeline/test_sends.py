"""Commands over the whole route: decided, sent over real HTTP, echoed, and told in the archive."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import events
from schemas.base import Platform, Provider, to_milliseconds
from schemas.data import AutoResponseConfigured, LimitChanged
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Account, Talk, talking

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("sends")
    settings = broker.settings(
        folder,
        clickhouse_url=embedded_clickhouse.url,
        clickhouse_database=embedded_clickhouse.migrated(),
    )
    with talking(settings, folder, "conversations", "delivery", "history") as found:
        yield found


ROUTES: tuple[tuple[Provider, Platform], ...] = (
    ("meta", "facebook"),
    ("meta", "instagram"),
    ("x", "x"),
    ("ayrshare", "facebook"),
    ("ayrshare", "instagram"),
    ("ayrshare", "x"),
)


@pytest.fixture(params=["meta", "ayrshare"])
def page(talk: Talk, request: pytest.FixtureRequest) -> Account:
    """A Messenger account, straight and through Ayrshare."""
    return talk.account("facebook", request.param)


REFUSED_ATTEMPTS = {
    "blocked": "recipient_unavailable",
    "thread_control": "thread_control",
    "window_closed": "window_closed",
    "error_in_200": "bad_request",
    "restricted": "account_restricted",
    "expired_token": "token_invalid",
}
"""The sandbox's fault and the reason of `send.failed` that it leads to, on Messenger, straight and
through Ayrshare."""

MAYBE_KEPT = ("reset_after", "not_json", "truncated", "error_yet_kept")


def row(talk: Talk, command_id: str, outcome: str) -> dict[str, Any]:
    """The command's row in the archive's `sends`, once it says that outcome."""
    client = talk.running.archive()
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = client.query(
            f"SELECT * FROM {talk.running.settings.clickhouse_database}_analytics.sends"
            " WHERE command_id = {id:String}",
            {"id": command_id},
        ).named_results()
        return len(found) == 1 and found[0]["outcome"] == outcome

    try:
        talk.running.wait(is_there, 20, f"{outcome} in sends, not {found}")
    finally:
        client.close()
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in found[0].items()
    }


def assert_row(talk: Talk, account: Account, command_id: str, outcome: str) -> dict[str, Any]:
    """The archive tells of the send as the log does: reason, place and every time."""
    found = row(talk, command_id, outcome)
    told = talk.log.of(command_id)
    accepted = [e for e in told if isinstance(e, events.SendAccepted)]
    attempts = [e for e in told if isinstance(e, events.SendAttempted)]
    last = {
        "sent": events.MessageSent,
        "rejected": events.SendRejected,
        "failed": events.SendFailed,
        "unknown": events.SendUnknown,
    }[outcome]
    end = min((e for e in told if isinstance(e, last)), key=lambda e: e.receivedat)
    assert (found["profile_id"], found["platform"]) == (account.profile, account.platform)
    assert found["conversation_id"] == end.subject
    assert found["origin"] == "api"
    assert found["reason"] == getattr(end.data, "reason", "")
    assert found["accepted_at"] == (accepted[0].time if accepted else None)
    assert found["attempt_count"] == len({e.id for e in attempts})
    first = min((e.time for e in attempts), default=None)
    assert found["first_attempted_at"] == first
    assert found["finished_at"] == end.receivedat
    assert (found["sent_at"] is not None) == (outcome == "sent")
    if outcome == "sent":
        # The time of an echo is the platform's; Ayrshare cuts its own to whole seconds.
        begun = first.replace(microsecond=0) if account.provider == "ayrshare" else first
        assert found["accepted_at"] <= first
        assert begun <= found["sent_at"] <= found["finished_at"]
        seconds = (found["sent_at"] - found["accepted_at"]).total_seconds()
        assert found["accepted_to_sent_seconds"] == pytest.approx(seconds)
    else:
        assert found["message_id"] == ""
        assert found["accepted_to_sent_seconds"] is None
    return found


def assert_rejected(
    talk: Talk, account: Account, command_id: str, reason: str
) -> events.SendRejected:
    """The event and the row say so, and no request was made."""
    found = talk.outcome(command_id)
    assert isinstance(found, events.SendRejected)
    assert found.data.reason == reason
    told = assert_row(talk, account, command_id, "rejected")
    assert told["reason"] == reason
    assert told["attempt_count"] == 0
    assert told["accepted_at"] is None
    return found


def assert_failed(talk: Talk, account: Account, command_id: str, reason: str) -> None:
    assert talk.reason(command_id, "send.failed") == reason
    assert assert_row(talk, account, command_id, "failed")["reason"] == reason


def assert_sent(talk: Talk, account: Account, command_id: str) -> None:
    assert isinstance(talk.outcome(command_id), events.MessageSent)
    assert_row(talk, account, command_id, "sent")


@pytest.mark.parametrize(("provider", "platform"), ROUTES)
def test_a_send_is_accepted_attempted_sent_and_its_echo_is_the_same_message(
    talk: Talk, provider: Provider, platform: Platform
) -> None:
    account = talk.account(platform, provider)
    person = talk.somebody_writes(account)
    command_id = talk.send(account, person)
    sent = talk.outcome(command_id)
    assert isinstance(sent, events.MessageSent)
    (kept,) = talk.box.kept(person)
    assert sent.data.message_id == kept["message_id"]
    echo = talk.log.wait_for(
        lambda e: e.id == sent.id and e.source.startswith("/dmstream/delivery") is False,
        what="echo",
    )
    assert isinstance(echo, events.MessageSent)
    told = assert_row(talk, account, command_id, "sent")
    assert (told["message_id"], told["attempt_count"]) == (kept["message_id"], 1)
    kinds = [event.type for event in talk.log.of(command_id)]
    assert kinds[:2] == ["dm.send.accepted.v1", "dm.send.attempted.v1"]
    client = talk.running.archive()
    counted = client.command(
        f"SELECT count() FROM {talk.running.settings.clickhouse_database}_analytics.messages"
        f" WHERE message_id = '{kept['message_id']}'"
    )
    client.close()
    assert counted == 1


def test_invalid(talk: Talk, page: Account) -> None:
    person = talk.somebody_writes(page)
    assert_rejected(talk, page, talk.send(page, person, text="a" * 2001), "invalid")
    assert_rejected(talk, page, talk.send(page, person, text=None), "invalid")


def test_messaging_inactive_and_then_relink_required_until_the_account_is_linked_again(
    talk: Talk, page: Account
) -> None:
    person = talk.somebody_writes(page)
    talk.change("DeactivateMessaging", page, "messaging.deactivated")
    assert_rejected(talk, page, talk.send(page, person), "messaging_inactive")
    talk.change("ActivateMessaging", page, "messaging.activated")
    assert_rejected(talk, page, talk.send(page, person), "relink_required")
    talk.link(page)
    assert_sent(talk, page, talk.send(page, person))


def test_account_unlinked(talk: Talk, page: Account) -> None:
    person = talk.somebody_writes(page)
    talk.change(
        "UnlinkAccount",
        page,
        "account.unlinked",
        provider=page.provider,
        platform=page.platform,
        account_id=page.id,
    )
    assert_rejected(talk, page, talk.send(page, person), "account_unlinked")


def test_not_initiated(talk: Talk, page: Account) -> None:
    talk.somebody_writes(page)
    assert_rejected(talk, page, talk.send(page, digits()), "not_initiated")


def test_thread_controlled_elsewhere_after_the_platform_said_so(talk: Talk, page: Account) -> None:
    person = talk.somebody_writes(page)
    talk.box.post("faults", kind="thread_control", recipient=person, next=1)
    assert_failed(talk, page, talk.send(page, person), "thread_control")
    refused = assert_rejected(talk, page, talk.send(page, person), "thread_controlled_elsewhere")
    assert refused.data.opens_at is not None
    assert len(talk.box.attempts(person)) == 1
    talk.somebody_writes(page, person)
    assert talk.texts_kept(person) == []


def test_recipient_unavailable_until_they_write_again(talk: Talk, page: Account) -> None:
    person = talk.somebody_writes(page)
    talk.box.post("faults", kind="blocked", recipient=person, next=1)
    assert_failed(talk, page, talk.send(page, person), "recipient_unavailable")
    assert_rejected(talk, page, talk.send(page, person), "recipient_unavailable")
    talk.somebody_writes(page, person)
    assert_sent(talk, page, talk.send(page, person))


@pytest.mark.parametrize("provider", ["meta", "ayrshare"])
def test_reply_window_closed_tells_when_it_closed(talk: Talk, provider: Provider) -> None:
    account = talk.account("instagram", provider)
    week = 7 * 24 * 3600
    late = talk.somebody_writes(account, seconds_ago=week + 5)
    refused = assert_rejected(talk, account, talk.send(account, late), "reply_window_closed")
    assert refused.data.expires_at is not None
    assert refused.data.expires_at <= refused.time
    early = talk.somebody_writes(account, seconds_ago=week - 60)
    assert_sent(talk, account, talk.send(account, early))


def test_monthly_limit_reached_until_the_limit_is_raised(talk: Talk, page: Account) -> None:
    first, second = talk.somebody_writes(page), talk.somebody_writes(page)
    talk.change("ChangeLimit", page, "limit.changed", change=LimitChanged(monthly_limit=1))
    refused = assert_rejected(talk, page, talk.send(page, second), "monthly_limit_reached")
    assert refused.data.opens_at is not None
    assert_sent(talk, page, talk.send(page, first))
    talk.change("ChangeLimit", page, "limit.changed", change=LimitChanged(monthly_limit=2))
    assert_sent(talk, page, talk.send(page, second))


@pytest.mark.parametrize(("fault", "reason"), REFUSED_ATTEMPTS.items())
def test_what_the_platform_refuses_fails_once_with_its_reason(
    talk: Talk, page: Account, fault: str, reason: str
) -> None:
    person = talk.somebody_writes(page)
    talk.box.post("faults", kind=fault, recipient=person)
    command_id = talk.send(page, person)
    assert_failed(talk, page, command_id, reason)
    assert len(talk.box.attempts(person)) == 1


@pytest.mark.parametrize("provider", ["meta", "ayrshare"])
def test_a_dead_token_stops_its_account_and_no_other(talk: Talk, provider: Provider) -> None:
    dead, alive = talk.account("facebook", provider), talk.account("facebook", provider)
    person, other = talk.somebody_writes(dead), talk.somebody_writes(alive)
    talk.box.post("faults", kind="expired_token", account=dead.id)
    assert_failed(talk, dead, talk.send(dead, person), "token_invalid")
    talk.log.wait_for(lambda e: e.type == "dm.account.unlinked.v1" and e.profileid == dead.profile)
    assert_rejected(talk, dead, talk.send(dead, person), "account_unlinked")
    assert_sent(talk, alive, talk.send(alive, other))


def test_a_command_whose_time_is_over_before_it_leaves_fails_as_expired(
    talk: Talk, page: Account
) -> None:
    person = talk.somebody_writes(page)
    talk.box.post("faults", kind="rate_limited", wait=60, recipient=person)
    soon = to_milliseconds(datetime.now(UTC) + timedelta(seconds=20))
    command_id = talk.send(page, person, expires_at=soon)
    assert_failed(talk, page, command_id, "expired")


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


@pytest.mark.parametrize("fault", MAYBE_KEPT)
def test_what_may_have_been_delivered_is_unknown_until_its_echo_and_never_sent_again(
    talk: Talk, fault: str
) -> None:
    """Invariant 8."""
    account = talk.account("facebook")
    person = talk.somebody_writes(account)
    talk.box.post("faults", kind=fault, recipient=person)
    command_id = talk.send(account, person)
    talk.log.wait_for(
        lambda e: e.type == "dm.send.unknown.v1" and e.data.command_id == command_id,  # type: ignore[union-attr]
        what="unknown send",
    )
    assert isinstance(
        talk.log.wait_for(
            lambda e: isinstance(e, events.MessageSent) and e.data.command_id == command_id
        ),
        events.MessageSent,
    )
    row(talk, command_id, "sent")
    assert len(talk.box.attempts(person)) == 1


@pytest.mark.parametrize(
    ("provider", "platform"), [route for route in ROUTES if route != ("meta", "facebook")]
)
def test_where_the_echo_names_no_command_its_text_resolves_the_unknown_send(
    talk: Talk, provider: Provider, platform: Platform
) -> None:
    account = talk.account(platform, provider)
    person = talk.somebody_writes(account)
    talk.box.post("faults", kind="reset_after", recipient=person)
    command_id = talk.send(account, person)
    assert_row(talk, account, command_id, "sent")
    assert [e.type for e in talk.log.of(command_id)].count("dm.send.unknown.v1") == 1
    assert len(talk.box.attempts(person)) == 1


def test_an_outcome_that_no_echo_resolves_stays_unknown(talk: Talk, page: Account) -> None:
    person = talk.somebody_writes(page)
    talk.box.post("faults", kind="reset_before", recipient=person)
    command_id = talk.send(page, person)
    assert talk.reason(command_id, "send.unknown") == "maybe_delivered"
    assert assert_row(talk, page, command_id, "unknown")["reason"] == "maybe_delivered"


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
