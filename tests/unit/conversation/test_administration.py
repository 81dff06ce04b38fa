"""Settings, archive and erasure by command."""

from typing import Any

import pytest

from schemas import commands, data
from streams.conversation import settings
from streams.conversation.administration import InvalidCommand
from streams.conversation.outcomes import outcome_of
from streams.conversation.sends import MOST_OPEN
from tests.unit.conversation.erasing import without_what_was_erased
from tests.unit.conversation.test_order import the_same
from tests.unit.conversation.world import (
    NOW,
    PROFILE,
    Worker,
    after,
    ago,
    became,
    echo,
    folded,
    kinds,
    of_profile,
    send,
    thread,
    told,
    worker,
    writes,
)  # fmt: skip


def command(kind: type[Any], command_id: str = "c", **body: Any) -> Any:
    return kind(command_id=command_id, profileid=PROFILE, issued_at=NOW, **body)


def limit(command_id: str = "c", **change: Any) -> commands.ChangeLimit:
    return command(commands.ChangeLimit, command_id, change=data.LimitChanged(**change))


def of_thread(kind: type[Any], command_id: str = "c") -> Any:
    return command(kind, command_id, conversation_id=thread())


def talking() -> Worker:
    one = worker()
    one.hear(writes(ago(minutes=1), external_conversation_id="aWdf"))
    return one


def test_registering_a_profile_writes_its_title_and_reference() -> None:
    one = Worker()
    (registered,) = one.do(command(commands.RegisterProfile, title="Shop", reference="ref"))
    assert (registered.data.title, registered.data.reference) == ("Shop", "ref")
    assert one.profile.registered_at is not None


def test_a_changed_limit_leaves_what_it_does_not_name() -> None:
    one = worker()
    one.do(limit("a", monthly_limit=7, month_zone="Europe/Berlin"))
    one.do(limit("b", limit_scope="all"))
    assert settings.monthly_limit(one.profile, one.rules) == 7
    assert settings.month_zone(one.profile, one.rules) == "Europe/Berlin"
    assert settings.limit_scope(one.profile, one.rules) == "all"


def test_of_two_changes_in_one_millisecond_the_later_in_the_log_holds() -> None:
    one = worker()
    for number in range(1, 20):
        one.do(limit(f"c-{number}", monthly_limit=number))
        assert settings.monthly_limit(one.profile, one.rules) == number


@pytest.mark.parametrize(
    "change",
    [{"month_zone": "Mars/Olympus"}, {"month_zone": "Europe"}, {"month_zone": ""},
     {"reply_window_seconds": {"x": -1}}],
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(
    change: dict[str, Any],
) -> None:
    one = worker()
    before = one.profile
    with pytest.raises(InvalidCommand):
        one.do(limit(**change))
    assert one.profile == before


def test_a_repeated_command_does_not_bring_back_an_old_setting() -> None:
    one = worker()
    one.do(limit("a", monthly_limit=7))
    one.do(limit("b", monthly_limit=9), after(minutes=1))
    assert one.do(limit("a", monthly_limit=7), after(minutes=2)) == []
    assert settings.monthly_limit(one.profile, one.rules) == 9
    assert outcome_of(one.outcomes["a"].events).status == "applied"


def test_the_auto_response_is_configured_by_command() -> None:
    one = worker()
    change = data.AutoResponseConfigured(active=True, wait_seconds=5)
    one.do(command(commands.ConfigureAutoResponse, change=change))
    answer = settings.auto_response(one.profile, one.rules)
    assert (answer.active, answer.wait) == (True, 5_000)


def test_a_conversation_is_archived_and_unarchived() -> None:
    one = talking()
    assert kinds(one.do(of_thread(commands.ArchiveConversation, "a"))) == ["conversation.archived"]
    assert one.conversation().is_archived
    one.do(of_thread(commands.UnarchiveConversation, "b"))
    assert not one.conversation().is_archived
    one.do(of_thread(commands.ArchiveConversation, "c"), ago(minutes=5))
    assert one.conversation().is_archived, "later in the log, though its clock is behind"


def test_an_archived_conversation_can_still_be_written_to_and_still_receives() -> None:
    one = talking()
    one.do(of_thread(commands.ArchiveConversation))
    one.hear(writes(NOW))
    assert one.reason(send()) is None
    assert one.conversation().is_archived


@pytest.mark.parametrize(
    "kind",
    [commands.ArchiveConversation, commands.UnarchiveConversation, commands.EraseCorrespondent],
)
def test_a_conversation_nobody_heard_of_can_not_be_changed(kind: type[Any]) -> None:
    with pytest.raises(InvalidCommand):
        worker().do(of_thread(kind))


def test_erasure_takes_what_names_the_correspondent_and_leaves_counts_and_times() -> None:
    one = talking()
    one.do(send("c-1", text="their order"))
    one.hear(became("send.attempted", "c-1", NOW), echo(after(seconds=1), text="their order"))
    before = one.conversation()
    assert before.open
    assert before.external
    (erased,) = one.do(of_thread(commands.EraseCorrespondent, "erase"), after(minutes=1))
    assert erased.type == "dm.correspondent.erased.v1"
    now = one.conversation()
    assert (now.open, now.external) == ((), None)
    assert now.months == before.months
    assert now.last_correspondent_message_at == before.last_correspondent_message_at


def test_after_erasure_what_happened_before_brings_nothing_back() -> None:
    """Invariant 5."""
    one = talking()
    one.do(of_thread(commands.EraseCorrespondent))
    one.hear(
        writes(ago(seconds=30), external_conversation_id="aWdf"),
        told("message.read", ago(seconds=20), external_conversation_id="aWdf"),
    )
    assert one.conversation().external is None
    one.hear(writes(after(seconds=1), external_conversation_id="aWdf"))
    assert one.conversation().external is not None, "they wrote again"


def test_erasure_reaches_messages_that_a_platforms_clock_dated_ahead() -> None:
    one = worker()
    one.hear(writes(after(seconds=3), external_conversation_id="aWdf"))
    one.do(of_thread(commands.EraseCorrespondent), NOW)
    assert one.conversation().external is None


def test_erasure_reaches_an_id_that_a_receipt_dated_ahead_has_told() -> None:
    one = talking()
    one.hear(told("message.read", after(seconds=3), external_conversation_id="aWdf"))
    one.do(of_thread(commands.EraseCorrespondent), NOW)
    assert one.conversation().external is None


@pytest.mark.parametrize("media", [(), ("https://shop.example/blue.jpg",)])
def test_a_crowded_conversation_folds_alike_without_the_texts_that_were_erased(
    media: tuple[str, ...],
) -> None:
    """Invariant 4: whether an echo may be one of many sends is part of the state."""
    one = talking()
    for number in range(MOST_OPEN + 2):
        above = number >= MOST_OPEN
        text = None if media and above else "their order"
        one.do(send(f"c-{number}", text=text, media_urls=media if above else ()))
    assert (one.conversation().crowded_until is None) == bool(media)
    one.do(of_thread(commands.EraseCorrespondent, "erase"), after(minutes=1))
    the_same(one, folded(without_what_was_erased(one.log)))


def test_an_older_setting_told_late_changes_nothing() -> None:
    """Invariant 5."""
    one = worker()
    one.hear(
        of_profile("limit.changed", NOW, monthly_limit=5),
        of_profile("limit.changed", ago(days=1), monthly_limit=50),
    )
    assert settings.monthly_limit(one.profile, one.rules) == 5
