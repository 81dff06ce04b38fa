"""Messaging must be on, and an account linked since it was activated."""

from datetime import timedelta

import pytest

from schemas import commands, events
from schemas.base import Platform
from streams.conversation.can_reply import can_reply
from streams.conversation.rules import Rules
from streams.conversation.settings import messaging
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    PROFILE,
    Worker,
    after,
    ago,
    kinds,
    linked,
    of_profile,
    ready,
    send,
    thread,
    worker,
    writes,
)  # fmt: skip

MS = timedelta(milliseconds=1)


def activate(command_id: str = "on") -> commands.ActivateMessaging:
    return commands.ActivateMessaging(command_id=command_id, profileid=PROFILE, issued_at=NOW)


def deactivate(command_id: str = "off") -> commands.DeactivateMessaging:
    return commands.DeactivateMessaging(command_id=command_id, profileid=PROFILE, issued_at=NOW)


def link(
    command_id: str = "link", platform: Platform = "instagram", account: str = ACCOUNT
) -> commands.LinkAccount:
    return commands.LinkAccount(
        command_id=command_id, profileid=PROFILE, issued_at=NOW,
        provider="ayrshare", platform=platform, account_id=account,
    )  # fmt: skip


def unlink(command_id: str = "unlink", account: str = ACCOUNT) -> commands.UnlinkAccount:
    return commands.UnlinkAccount(
        command_id=command_id, profileid=PROFILE, issued_at=NOW,
        provider="ayrshare", platform="instagram", account_id=account,
    )  # fmt: skip


def test_a_profile_nobody_activated_is_inactive() -> None:
    assert Worker().reason(send()) == "messaging_inactive"


def test_a_profile_that_was_switched_off_is_inactive_and_still_records_what_comes_in() -> None:
    one = worker()
    one.hear(of_profile("messaging.deactivated", ago(hours=1)))
    assert "conversation.activated" in kinds(one.hear(writes(NOW)))
    assert one.reason(send()) == "messaging_inactive"


def test_the_switch_for_all_profiles_stands_above_each_profiles_own() -> None:
    one = worker(rules=Rules(messaging_on=False))
    one.hear(writes(NOW))
    assert one.reason(send()) == "messaging_inactive"


def test_a_profile_that_a_webhook_registers_may_send_although_all_came_at_the_same_time() -> None:
    for order in (ready(), list(reversed(ready()))):
        one = Worker()
        one.hear(*order, writes(NOW))
        assert one.reason(send()) is None


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_after_activation_facebook_and_instagram_must_be_linked_again(platform: Platform) -> None:
    one = Worker()
    one.hear(
        of_profile("profile.registered"),
        linked(platform, ago(days=2)),
        of_profile("messaging.activated", ago(days=1)),
        writes(ago(hours=1), platform),
    )
    assert one.reason(send("c-1", platform)) == "relink_required"
    one.hear(linked(platform, ago(days=1)))
    assert one.reason(send("c-2", platform)) is None


def test_x_need_not_be_linked_again() -> None:
    one = Worker()
    one.hear(
        linked("x", ago(days=2)), of_profile("messaging.activated", ago(days=1)), writes(NOW, "x")
    )
    assert one.reason(send(platform="x")) is None


def test_an_account_that_was_unlinked_may_not_send_until_it_is_linked_again() -> None:
    one = worker()
    one.hear(writes(ago(hours=2)), linked(at=ago(hours=1), kind="account.unlinked"))
    assert one.reason(send("c-1")) == "account_unlinked"
    one.hear(linked(at=ago(minutes=1)))
    assert one.reason(send("c-2")) is None


def test_a_late_word_of_an_old_unlinking_changes_nothing() -> None:
    """Invariant 5."""
    one = worker()
    one.hear(writes(NOW), linked(at=ago(hours=1)), linked(at=ago(days=1), kind="account.unlinked"))
    assert one.reason(send()) is None


def test_one_dead_account_stops_no_other() -> None:
    one = worker("instagram", "facebook")
    one.hear(writes(NOW), writes(NOW, "facebook"), linked(at=ago(hours=1), kind="account.unlinked"))
    assert one.reason(send("c-1")) == "account_unlinked"
    assert one.reason(send("c-2", "facebook")) is None


def test_a_network_that_is_linked_without_an_account_id_holds_for_its_accounts() -> None:
    one = Worker()
    one.hear(
        of_profile("profile.registered"),
        of_profile("messaging.activated"),
        linked(account=""),
        writes(ago(hours=3)),
    )
    assert one.reason(send("c-1")) is None
    one.hear(linked(at=ago(hours=2), account="", kind="account.unlinked"))
    assert one.reason(send("c-2")) == "account_unlinked"
    one.hear(writes(ago(hours=1)))
    assert one.reason(send("c-3")) == "account_unlinked", "a webhook under way links nothing again"


def test_linking_the_network_before_activation_does_not_pass_for_linking_after_it() -> None:
    one = Worker()
    one.hear(
        of_profile("profile.registered"),
        linked(at=ago(days=2), account=""),
        of_profile("messaging.activated", ago(days=1)),
        writes(NOW),
    )
    assert one.reason(send()) == "relink_required"


def test_a_webhook_of_an_account_that_nobody_linked_links_it() -> None:
    one = worker("facebook")
    derived = one.hear(writes(NOW, "instagram"))
    assert kinds(derived)[0] == "account.linked"
    assert one.reason(send()) is None
    assert "account.linked" not in kinds(one.hear(writes(after(minutes=1), "instagram")))


def test_a_late_webhook_links_its_account_after_the_activation_all_the_same() -> None:
    one = Worker()
    one.hear(
        of_profile("profile.registered", ago(hours=1)),
        of_profile("messaging.activated", ago(hours=1)),
        writes(ago(hours=2), heard=ago(hours=1)),
    )
    assert one.reason(send()) is None


@pytest.mark.parametrize("rules", [Rules(auto_register=False), Rules()])
def test_where_nothing_is_registered_by_itself_a_webhook_links_nothing(rules: Rules) -> None:
    one = Worker(rules)
    if rules.auto_register:
        one.hear(of_profile("messaging.activated"))
    else:
        one.hear(*ready("facebook"))
    assert "account.linked" not in kinds(one.hear(writes(NOW)))
    assert one.reason(send()) == "account_unlinked"


def test_history_that_is_fetched_links_no_account() -> None:
    assert "account.linked" not in kinds(worker("facebook").hear(writes(NOW, backfilled=True)))


def test_of_two_providers_that_link_one_page_the_one_that_may_send_is_used() -> None:
    one = worker("facebook")
    one.hear(linked("facebook", account=ACCOUNT, provider="ayrshare"), writes(NOW, "facebook"))
    assert one.do(send("c-1", "facebook"))[-1].data.provider == "meta", "who told of the message"
    one.hear(linked("facebook", ago(hours=1), provider="meta", kind="account.unlinked"))
    assert one.do(send("c-2", "facebook"))[-1].data.provider == "ayrshare"


def test_activating_and_linking_by_command_in_one_millisecond_needs_no_second_link() -> None:
    one = Worker()
    one.do(activate())
    one.do(link())
    one.hear(writes(NOW))
    assert one.reason(send()) is None


def test_linking_by_a_clock_that_is_behind_counts_by_its_place_in_the_log() -> None:
    one = Worker()
    one.do(activate(), NOW)
    one.do(link(), ago(seconds=30))
    one.hear(writes(NOW))
    assert one.reason(send()) is None


def test_activating_a_millisecond_after_linking_needs_a_second_link() -> None:
    one = Worker()
    one.do(link("link-1"), NOW)
    one.do(activate(), NOW + MS)
    one.hear(writes(NOW))
    assert one.reason(send("c-1")) == "relink_required"
    one.do(link("link-2"), NOW + MS)
    assert one.reason(send("c-2")) is None


def test_activating_what_is_on_asks_for_no_new_link() -> None:
    one = worker()
    one.hear(writes(ago(hours=1)))
    (activated,) = one.do(activate())
    assert isinstance(activated, events.MessagingActivated)
    assert one.reason(send()) is None


def test_the_command_later_in_the_log_wins_even_if_its_clock_is_behind() -> None:
    one = worker()
    one.do(deactivate("off"), NOW)
    one.do(activate("on"), ago(minutes=5))
    assert messaging(one.profile)[0]
    one.do(deactivate("off again"), ago(minutes=5))
    assert not messaging(one.profile)[0]


def test_unlinking_by_command_stops_the_account() -> None:
    one = worker()
    one.hear(writes(ago(hours=1)))
    one.do(unlink())
    assert one.reason(send()) == "account_unlinked"


def test_a_second_account_on_a_platform_replaces_the_first() -> None:
    one = worker()
    one.hear(writes(ago(hours=1)))
    assert kinds(one.do(link(account="new"))) == ["account.unlinked", "account.linked"]
    assert one.reason(send()) == "account_unlinked"
    one.hear(writes(NOW, account="new"))
    assert one.reason(send("c-2", to=thread(account="new"))) is None


def test_a_send_by_recipient_goes_out_from_the_account_that_is_linked() -> None:
    one = worker("facebook")
    one.hear(writes(NOW, "facebook"))
    command = send(to=None).model_copy(
        update={"conversation_id": None, "platform": "facebook", "recipient_id": "555"}
    )
    accepted = one.do(command)[-1]
    assert accepted.subject == thread("facebook")
    assert accepted.data.provider == "meta"


def test_a_send_by_recipient_on_a_platform_without_an_account_is_unlinked() -> None:
    command = send().model_copy(
        update={"conversation_id": None, "platform": "x", "recipient_id": "555"}
    )
    one = worker("facebook")
    (rejected,) = one.do(command)
    assert rejected.data.reason == "account_unlinked"
    assert (rejected.subject, rejected.data.correspondent_id) == (None, "555")


def test_what_is_asked_of_a_conversation_tells_the_same_reason() -> None:
    one = worker()
    one.hear(writes(NOW), linked(at=ago(hours=1), kind="account.unlinked"))
    decision = can_reply(one.profile, one.conversation(), NOW, one.rules)
    assert (decision.allowed, decision.reason) == (False, "account_unlinked")
