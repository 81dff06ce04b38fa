"""Commands over the whole route: decided, sent over real HTTP, echoed, and told in the archive."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas import events
from schemas.base import Platform, Provider, to_milliseconds
from schemas.data import LimitChanged
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.sandbox import digits
from tests.pipeline.send_rows import assert_failed, assert_rejected, assert_row, assert_sent, row
from tests.pipeline.talking import Account, Talk, own_settings, talking

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def talk(
    broker: Broker, embedded_clickhouse: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("sends")
    settings = own_settings(broker, folder, embedded_clickhouse)
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
    # Ayrshare tells whole seconds: what is written in the refusal's own is not known to be later.
    time.sleep(1 - time.time() % 1)
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
