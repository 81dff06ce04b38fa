"""When history is asked for, and that what it brings is the same in any interleaving."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.backfills import BackfillRequest
from schemas.base import Platform
from schemas.commands import BackfillHistory
from schemas.events import AccountLinked, Event
from streams.conversation import codec, history
from streams.conversation.administration import InvalidCommand
from streams.conversation.rules import Rules
from tests.unit.conversation.test_order import the_same
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    PROFILE,
    PROVIDERS,
    Worker,
    after,
    ago,
    echo,
    folded,
    linked,
    of_profile,
    ready,
    worker,
    writes,
)  # fmt: skip


def asked(one: Worker, *told: Event) -> list[BackfillRequest]:
    """What is due after each event, and after what follows from it."""
    found = []
    for event in told:
        for heard in (event, *one.hear(event)):
            conversation = one.state_for(None, None)
            found += history.due_after(conversation, heard, one.rules)
    return found


def on(at: Any = NOW) -> Event:
    event: Event = of_profile("messaging.activated", at)
    return event


def off(at: Any = NOW) -> Event:
    event: Event = of_profile("messaging.deactivated", at)
    return event


def answered(request: BackfillRequest, at: Any = NOW) -> Event:
    event: Event = of_profile(
        "history.backfilled", at, provider=request.provider, platform=request.platform,
        account_id=request.account_id, asked_at=request.asked_at, messages=3,
    )  # fmt: skip
    return event


def test_an_account_linked_while_messaging_is_on_is_asked_for_its_history() -> None:
    one = Worker()
    (request,) = asked(one, of_profile("profile.registered"), on(ago(hours=1)), linked("x", NOW))
    assert (request.profileid, request.provider, request.platform) == (PROFILE, "x", "x")
    assert (request.account_id, request.asked_at, request.origin) == (ACCOUNT, NOW, "link")


def test_the_same_link_told_again_is_the_same_request_and_none_once_it_was_answered() -> None:
    one = worker("facebook")
    (first,), (second,) = asked(one, linked("facebook", NOW)), asked(one, linked("facebook", NOW))
    assert first == second
    assert asked(one, answered(first), linked("facebook", NOW)) == []


def test_a_new_link_asks_again_and_an_answer_to_the_old_one_does_not_stand_for_it() -> None:
    one = worker("facebook")
    (first,) = asked(one, linked("facebook", NOW))
    (second,) = asked(one, linked("facebook", after(minutes=1)))
    assert first.request_id != second.request_id
    assert asked(one, answered(first, after(minutes=2)), linked("facebook", after(minutes=1))) == [
        second
    ]


def test_nothing_is_asked_while_messaging_is_off_or_the_account_is_not_linked() -> None:
    one = Worker()
    assert asked(one, of_profile("profile.registered"), linked("x", ago(hours=2))) == []
    assert len(asked(one, on(ago(hours=1)))) == 1
    assert asked(one, linked("x", NOW, kind="account.unlinked"), on(after(hours=1))) == []
    assert asked(worker("x", rules=Rules(messaging_on=False)), linked("x", NOW)) == []


@pytest.mark.parametrize(("platform", "count"), [("x", 1), ("facebook", 0), ("instagram", 0)])
def test_activation_asks_at_once_where_no_new_link_is_needed(
    platform: Platform, count: int
) -> None:
    one = worker(platform)
    assert len(asked(one, off(ago(hours=1)), on(NOW))) == count
    relinked = asked(one, linked(platform, after(minutes=1)))
    assert len(relinked) == 1


def test_an_account_that_its_first_webhook_links_is_asked_for_its_history() -> None:
    one = Worker()
    one.hear(of_profile("profile.registered"), on(ago(minutes=1)))
    (request,) = asked(one, writes(NOW, "facebook"))
    assert (request.platform, request.account_id) == ("facebook", ACCOUNT)
    assert asked(one, writes(after(seconds=1), "facebook")) == []


def test_a_network_that_was_answered_for_is_not_asked_again_for_its_account() -> None:
    """Ayrshare links a network; the account is known once it writes."""
    one = Worker()
    one.hear(of_profile("profile.registered"), on(ago(minutes=2)))
    (request,) = asked(one, linked("facebook", ago(minutes=1), account="", provider="ayrshare"))
    assert request.account_id == ""
    one.hear(answered(request))
    assert asked(one, writes(NOW, "facebook", provider="ayrshare")) == []


def test_the_credential_that_a_link_names_comes_along() -> None:
    one = worker("facebook")
    plain = linked("facebook", NOW)
    assert isinstance(plain, AccountLinked)
    named = plain.model_copy(update={"data": plain.data.model_copy(update={"credential": "shop"})})
    (request,) = asked(one, named)
    assert request.credential == "shop"


def test_an_answer_alone_makes_no_account_known() -> None:
    """Out of order: its first message still links it."""
    one = worker("x")
    (request,) = asked(one, linked("x", NOW))
    other = request.model_copy(update={"platform": "facebook", "provider": "meta"})
    one.hear(answered(other))
    assert any(e.type == "dm.account.linked.v1" for e in one.hear(writes(NOW, "facebook")))


def command(platform: Platform = "facebook", account: str = ACCOUNT) -> BackfillHistory:
    return BackfillHistory(
        command_id="c-1", profileid=PROFILE, issued_at=NOW,
        provider=PROVIDERS[platform], platform=platform, account_id=account,
    )  # fmt: skip


def test_a_command_asks_whatever_was_answered_before() -> None:
    one = worker("facebook")
    (request,) = asked(one, linked("facebook", NOW))
    one.hear(answered(request))
    assert one.do(command()) == []
    by_command = history.asked_for(command(), after(hours=1))
    assert by_command.request_id == history.request_id_of(PROFILE, "c-1")
    assert (by_command.origin, by_command.asked_at) == ("command", after(hours=1))


def test_a_command_for_what_is_not_linked_or_off_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidCommand, match="link it"):
        worker("facebook").do(command(account="404"))
    one = worker("facebook")
    one.hear(off(NOW))
    with pytest.raises(InvalidCommand, match="activate it"):
        one.do(command())
    one.hear(on(after(minutes=1)))
    with pytest.raises(InvalidCommand, match="link it"):
        one.do(command())  # on Facebook the link must be newer than the activation


def test_an_answer_is_kept_in_the_state_s_bytes_and_older_bytes_are_read() -> None:
    one = worker("facebook")
    before = codec.profile_to_bytes(one.profile)
    (request,) = asked(one, linked("facebook", NOW))
    one.hear(answered(request))
    assert codec.profile_from_bytes(codec.profile_to_bytes(one.profile)) == one.profile
    assert codec.profile_from_bytes(before) != one.profile


# Interleavings


PERSONS = ("1", "2", "3")


@st.composite
def tellings(draw: st.DrawFn) -> list[Event]:
    """Messages, each told by its webhook, by history (whole seconds, as Meta's), or by both, and
    by each perhaps more than once; in any order."""
    told: list[Event] = []
    for number in range(draw(st.integers(1, 8))):
        make = draw(st.sampled_from([writes, echo]))
        at = NOW - timedelta(
            days=draw(st.sampled_from([0, 1, 8, 40])), milliseconds=draw(st.integers(0, 90_000))
        )
        what: dict[str, Any] = {
            "platform": draw(st.sampled_from(["facebook", "instagram", "x"])),
            "person": draw(st.sampled_from(PERSONS)),
            "message_id": f"m-{number}",
            "text": f"text {number}",
        }
        live = make(at, heard=at + timedelta(seconds=1), **what)
        past = make(at.replace(microsecond=0), heard=NOW, backfilled=True, **what)
        assert live.id == past.id
        ways = draw(st.sampled_from([(live,), (past,), (live, past), (live, past, live, past)]))
        told += ways
    return draw(st.permutations(told))


def all_linked() -> Worker:
    one = Worker()
    one.hear(*ready("facebook", "instagram", "x"))
    return one


def without_ranks(one: Worker) -> Worker:
    """Who came first got the first place: that is the one thing that depends on the order."""
    one.conversations = {
        key: state._replace(months=dict.fromkeys(state.months, ()))
        for key, state in one.conversations.items()
    }
    one.profile = one.profile._replace(holders={})
    return one


@settings(deadline=None, max_examples=200)
@given(tellings(), st.randoms(use_true_random=False))
def test_any_interleaving_of_backfill_and_webhooks_gives_the_same_state(
    told: list[Event], chance: Any
) -> None:
    """Invariants 3 and 5."""
    one, other = all_linked(), all_linked()
    one.hear(*told)
    again = list(told)
    chance.shuffle(again)
    other.hear(*again)
    for worker_ in (one, other):
        for month, tally in worker_.profile.months.items():
            ranks = sorted(
                rank for c in worker_.conversations.values() for rank in c.months.get(month, ())
            )
            assert ranks == list(range(1, tally.highest + 1))
    the_same(folded(one.log), one)
    the_same(without_ranks(one), without_ranks(other))


@settings(deadline=None, max_examples=100)
@given(tellings(), st.randoms(use_true_random=False))
def test_the_log_of_a_backfill_read_in_any_order_any_number_of_times_is_the_same_state(
    told: list[Event], chance: Any
) -> None:
    """Invariants 4 and 5."""
    one = all_linked()
    one.hear(*told)
    again = one.log + one.log[::2]
    chance.shuffle(again)
    the_same(folded(again), one)
