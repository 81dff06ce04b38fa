"""History over the whole route: linked, asked for over real HTTP, on the log, in the archive."""

from collections.abc import Iterator

import pytest

from schemas import events
from schemas.data import AutoResponseConfigured
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.linking import DAY, INSTAGRAM, MESSENGER, Way, X, every_way, linkable, linking
from tests.pipeline.sandbox import digits
from tests.pipeline.talking import Talk

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    with linking(broker, embedded_clickhouse, tmp_path_factory.mktemp("backfill")) as found:
        yield found


@every_way
def test_20_messages_before_linking_and_100_after_it_are_120_in_the_archive(
    talk: Talk, way: Way
) -> None:
    """Of Facebook and Instagram the 20 newest are handed out; of X all of the last 30 days."""
    found, person = linkable(talk, way), digits()
    for number in range(20 if way.platform == "x" else 27):
        found.writes(
            person,
            by="account" if number % 3 == 0 else "correspondent",
            seconds_ago=2 * DAY - 60 * number,
        )
    found.activate_and_link()
    body = found.backfilled().data
    assert (body.messages, body.conversations) == (20, 1)
    for _ in range(100):
        found.writes(person, quiet=False)
    talk.running.wait(
        lambda: (
            sum(
                isinstance(e, events.MessageReceived)
                and not e.data.backfilled
                and e.profileid == found.account.id
                for e in list(talk.log.seen)
            )
            >= 100
        ),
        60,
        f"live messages; {talk.running.logs()}",
    )
    rows = found.messages(person)
    assert len(rows) == 120
    assert [row["is_backfilled"] for row in rows] == [True] * 20 + [False] * 100
    theirs = {m["message_id"]: m["text"] for m in talk.box.kept(person, by="correspondent")}
    theirs |= {m["message_id"]: m["text"] for m in talk.box.kept(person)}
    assert all(row["text"] == theirs[row["message_id"]] for row in rows)


@every_way
def test_a_message_that_a_webhook_told_of_and_history_brings_again_is_one_message(
    talk: Talk, way: Way
) -> None:
    """Invariant 3."""
    found, person = linkable(talk, way), digits()
    talk.change("ActivateMessaging", found.account, "messaging.activated")
    told = [found.writes(person, quiet=False) for _ in range(3)]
    talk.running.wait(lambda: len(found.told(events.MessageReceived)) == 3, 20, "webhooks")
    found.link()
    assert found.backfilled().data.messages == 3
    rows = found.messages(person)
    assert sorted(row["message_id"] for row in rows) == sorted(m["message_id"] for m in told)
    assert not any(row["is_backfilled"] for row in rows)
    twice = [
        e
        for e in list(talk.log.seen)
        if isinstance(e, events.MessageReceived) and e.profileid == found.account.id
    ]
    live = {e.id for e in twice if not e.data.backfilled}
    assert live == {e.id for e in twice if e.data.backfilled}
    assert len(live) == 3
    (activated,) = found.told(events.ConversationActivated)
    assert activated.data.rank == 1


def test_an_account_that_its_first_webhook_registers_is_asked_for_its_history_too(
    talk: Talk,
) -> None:
    found, person = linkable(talk, MESSENGER), digits()
    account = talk.account("facebook")
    for _ in range(2):
        talk.box.post(
            "write", provider="meta", platform="facebook", account_id=account.id,
            correspondent_id=person, text="before", quiet=True, seconds_ago=DAY,
        )  # fmt: skip
    talk.somebody_writes(account, person)
    talk.log.wait_for(
        lambda e: isinstance(e, events.HistoryBackfilled) and e.profileid == account.id,
        what="backfill",
    )
    backfilled = [
        e
        for e in talk.log.seen
        if isinstance(e, events.MessageReceived) and e.profileid == account.id and e.data.backfilled
    ]
    assert len({e.id for e in backfilled}) == 3
    assert found.told(events.HistoryBackfilled) == []


def test_history_is_never_answered_by_itself_and_opens_what_it_should(talk: Talk) -> None:
    """A minute old, six days old, eight days old, and only the account's own."""
    found = linkable(talk, INSTAGRAM)
    fresh, six, eight, own = digits(), digits(), digits(), digits()
    change = AutoResponseConfigured(active=True)
    talk.change("ConfigureAutoResponse", found.account, "autoresponse.configured", change=change)
    found.writes(fresh, seconds_ago=60)
    found.writes(six, seconds_ago=6 * DAY)
    found.writes(eight, seconds_ago=8 * DAY)
    found.writes(own, by="account", seconds_ago=60)
    found.activate_and_link()
    assert found.backfilled().data.conversations == 4
    sent = {person: talk.send(found.account, person) for person in (fresh, six, eight, own)}
    assert isinstance(talk.outcome(sent[fresh]), events.MessageSent)
    assert isinstance(talk.outcome(sent[six]), events.MessageSent)
    assert talk.reason(sent[eight], "send.rejected") == "reply_window_closed"
    assert talk.reason(sent[own], "send.rejected") == "not_initiated"
    origins = {e.data.origin for e in found.told(events.SendAccepted)}
    assert origins == {"api"}
    assert len(found.told(events.SendAccepted)) == 2


def test_messaging_that_is_activated_again_asks_again_where_no_new_link_is_needed(
    talk: Talk,
) -> None:
    """On X; on Facebook and Instagram the new link asks."""
    found, person = linkable(talk, X), digits()
    found.activate_and_link()
    assert found.backfilled().data.messages == 0
    talk.change("DeactivateMessaging", found.account, "messaging.deactivated")
    found.writes(person)
    talk.change("ActivateMessaging", found.account, "messaging.activated")
    assert found.backfilled(count=2).data.messages == 1
    assert len(found.messages(person)) == 1
