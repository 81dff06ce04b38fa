"""A profile that was deleted stays deleted, whatever was asked for at the same time."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import commands, data
from schemas.events import Event, SendRejected
from streams.conversation import accounts, settings
from streams.conversation.administration import InvalidCommand
from streams.conversation.can_reply import can_reply
from streams.conversation.deletion import DELETED, is_deleted
from streams.conversation.rules import Rules
from streams.conversation.switch import is_on
from tests.unit.conversation.test_administration import command
from tests.unit.conversation.test_messaging_and_accounts import activate, link
from tests.unit.conversation.test_order import the_same
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    Worker,
    after,
    ago,
    folded,
    kinds,
    linked,
    of_profile,
    send,
    worker,
    writes,
)  # fmt: skip

KEY = ("ayrshare", "instagram", ACCOUNT)


def delete(command_id: str = "delete") -> commands.DeactivateMessaging:
    return command(commands.DeactivateMessaging, command_id, reason=DELETED)


def register(command_id: str = "anew", **more: Any) -> commands.RegisterProfile:
    return command(commands.RegisterProfile, command_id, title="Shop", **more)


def told_again(one: Worker) -> list[Event]:
    """The worker hears from the log what it decided itself."""
    return one.hear(one.log[-1])


def deleted() -> Worker:
    one = worker()
    one.hear(writes(ago(hours=1)))
    assert one.reason(send("before")) is None
    one.do(delete())
    told_again(one)
    return one


@pytest.mark.parametrize("late", [NOW, after(minutes=5), ago(minutes=5)])
@pytest.mark.parametrize("kind", [activate(), link(account="another"), register(renames=True)])
def test_what_was_asked_for_during_a_deletion_is_refused_after_it(kind: Any, late: Any) -> None:
    one = deleted()
    with pytest.raises(InvalidCommand, match="deleted"):
        one.do(kind, late)
    assert is_deleted(one.profile)
    assert one.reason(send(), after(minutes=6)) == "messaging_inactive"


def test_who_asks_about_a_deleted_profile_is_told_to_register_it_and_not_to_activate_it() -> None:
    one = deleted()
    decision = can_reply(one.profile, one.conversation(), after(minutes=1), one.rules)
    assert decision.reason == "messaging_inactive"
    (rejected,) = one.do(send(), after(minutes=1))
    assert isinstance(rejected, SendRejected)
    for sentence in (decision.message, rejected.data.message):
        assert "deleted: register it anew" in sentence
    one.do(register(), after(minutes=2))
    decision = can_reply(one.profile, one.conversation(), after(minutes=3), one.rules)
    assert (decision.reason, decision.message) == (
        "messaging_inactive", "Messaging is off: activate it for this profile.",
    )  # fmt: skip


def test_the_core_accepts_nothing_to_be_sent_after_a_deletion_not_even_an_automatic_answer() -> (
    None
):
    """Invariant 7."""
    one = worker()
    answering = data.AutoResponseConfigured(active=True)
    one.do(command(commands.ConfigureAutoResponse, "answers", change=answering))
    one.hear(writes(ago(hours=1)))
    one.do(delete())
    told_again(one)
    one.hear(of_profile("messaging.activated", after(minutes=1)), linked(at=after(minutes=1)))
    one.hear(writes(after(minutes=2)))
    for origin in ("api", "auto"):
        sending = send(origin, origin=origin)
        assert one.reason(sending, after(minutes=3)) == "messaging_inactive"


def test_an_activation_never_undoes_a_deletion_in_whatever_order_they_are_told() -> None:
    """Invariant 5. A worker that is taken for dead may write one all the same."""
    words = [
        of_profile("messaging.deactivated", ago(hours=2), reason=DELETED),
        of_profile("messaging.activated", ago(hours=1)),
        of_profile("profile.registered", ago(hours=3)),
    ]
    states = []
    for order in permutations(words):
        one = folded(order)
        assert is_deleted(one.profile)
        assert not is_on(one.profile)
        states.append(one)
    for one in states[1:]:
        the_same(one, states[0])


def test_only_a_registration_after_it_brings_it_back_and_messaging_is_off_then() -> None:
    one = deleted()
    one.do(register(), ago(minutes=5))
    assert not is_deleted(one.profile), "later in the log, though its clock is behind"
    assert one.reason(send("c-1"), after(minutes=1)) == "messaging_inactive"
    one.do(activate(), after(minutes=1))
    one.do(link(), after(minutes=1))
    one.hear(writes(after(minutes=1)))
    assert one.reason(send("c-2"), after(minutes=2)) is None
    the_same(folded(reversed(one.log)), folded(one.log))


def test_a_title_that_was_changed_by_a_clock_ahead_does_not_bring_it_back() -> None:
    one = worker()
    one.do(register("title", renames=True), after(minutes=5))
    one.do(delete(), NOW)
    assert is_deleted(one.profile)


def test_an_account_that_was_linked_during_the_deletion_is_unlinked_by_it() -> None:
    one = worker()
    one.do(link(account="second"), after(minutes=5))
    one.do(delete(), NOW)
    (unlinked,) = told_again(one)
    assert kinds([unlinked]) == ["account.unlinked"]
    assert unlinked.data.account_id == "second"
    links = accounts.links_of(one.profile, ("ayrshare", "instagram", "second"))
    assert not accounts.is_linked(links)
    assert told_again(one) == [], "its own word changes nothing"
    deletion = next(one for one in one.log if one.type == "dm.messaging.deactivated.v1")
    assert one.hear(deletion) == [], "what was unlinked is not unlinked again"


def test_a_deletion_that_is_read_again_does_not_unlink_what_was_linked_in_the_next_life() -> None:
    one = deleted()
    deletion = next(one for one in one.log if one.type == "dm.messaging.deactivated.v1")
    one.do(register(), after(minutes=1))
    one.do(link("link again"), after(minutes=2))
    assert one.hear(deletion) == []
    assert accounts.is_linked(accounts.links_of(one.profile, KEY))


OWN = data.LimitChanged(
    monthly_limit=1,
    limit_scope="all",
    month_zone="Asia/Tokyo",
    reply_window_seconds={"instagram": 60, "facebook": 60},
)
ANSWERS = data.AutoResponseConfigured(active=True, message="We moved.", wait_seconds=5)


def changed(command_id: str = "limits") -> commands.ChangeLimit:
    return command(commands.ChangeLimit, command_id, change=OWN)


def answering(command_id: str = "answers") -> commands.ConfigureAutoResponse:
    return command(commands.ConfigureAutoResponse, command_id, change=ANSWERS)


def settings_of(one: Worker) -> tuple[Any, ...]:
    profile, rules = one.profile, one.rules
    return (
        settings.monthly_limit(profile, rules),
        settings.limit_scope(profile, rules),
        settings.month_zone(profile, rules),
        settings.reply_window(profile, "instagram", rules),
        settings.reply_window(profile, "facebook", rules),
        settings.auto_response(profile, rules),
    )


@pytest.mark.parametrize("set_at", [NOW, after(minutes=5)])
def test_a_profile_that_is_registered_anew_has_the_settings_of_a_new_one(set_at: Any) -> None:
    """Also where they were set by a clock that was ahead of the deletion's."""
    one = worker()
    one.do(changed(), set_at)
    one.do(answering(), set_at)
    own = settings_of(one)
    assert own != settings_of(worker())
    one.do(delete(), NOW)
    assert settings_of(one) == own, "its history is told as it was"
    one.do(register(), NOW)
    assert settings_of(one) == settings_of(worker())
    one.do(changed("again"), ago(minutes=5))
    one.do(answering("again, too"), ago(minutes=5))
    assert settings_of(one)[:-1] == own[:-1], "later in the log, though its clock is behind"
    assert settings_of(one)[-1].message == "We moved."


@given(st.permutations(range(8)))
def test_what_holds_in_the_next_life_does_not_depend_on_the_order_of_the_log(
    order: list[int],
) -> None:
    """Invariant 5."""
    words = [
        of_profile("profile.registered", ago(hours=9)),
        of_profile("limit.changed", ago(hours=8), monthly_limit=7, limit_scope="all"),
        of_profile("autoresponse.configured", ago(hours=7), active=True, message="Old."),
        of_profile("messaging.deactivated", ago(hours=6), reason=DELETED),
        of_profile("profile.registered", ago(hours=5)),
        of_profile("limit.changed", ago(hours=4), monthly_limit=9),
        of_profile("autoresponse.configured", ago(hours=3), wait_seconds=60),
        of_profile("messaging.deactivated", ago(hours=2), reason=DELETED),
    ]
    for ends in (False, True):
        one = folded(words[place] for place in order if ends or place < 7)
        limit, scope, *_, answer = settings_of(one)
        assert (limit, scope) == (9, "conversations"), "the first life's do not come back"
        assert (answer.active, answer.message, answer.wait) == (False, Rules().auto_message, 60_000)


@pytest.mark.parametrize("kind", [changed(), answering()])
def test_a_deleted_profile_has_no_settings_to_be_changed(kind: Any) -> None:
    with pytest.raises(InvalidCommand, match="deleted"):
        deleted().do(kind, after(minutes=5))


def test_nobody_has_the_months_limit_twice_by_deleting_and_registering_a_profile() -> None:
    """Invariant 7. Its places were taken, and the provider may have counted them."""
    one = worker("facebook", rules=Rules(monthly_limit=2))
    people = ("1", "2", "3")
    one.hear(*(writes(ago(hours=1), "facebook", person=person) for person in people))
    one.do(delete())
    told_again(one)
    one.do(register(), after(minutes=1))
    one.do(activate(), after(minutes=2))
    one.do(link("anew link", "facebook"), after(minutes=2))
    later = after(minutes=3)
    reasons = [one.reason(send(person, "facebook", person), later) for person in people]
    assert reasons == [None, None, "monthly_limit_reached"]


def test_a_webhook_that_still_comes_gives_a_deleted_profile_no_account() -> None:
    one = worker("facebook")
    one.do(delete())
    assert "account.linked" not in kinds(one.hear(writes(after(minutes=1), "instagram")))


def test_switching_messaging_off_for_another_reason_is_no_deletion() -> None:
    one = worker()
    one.do(command(commands.DeactivateMessaging, reason="a holiday"))
    assert told_again(one) == []
    assert not is_deleted(one.profile)
    one.do(activate())
    assert is_on(one.profile)
