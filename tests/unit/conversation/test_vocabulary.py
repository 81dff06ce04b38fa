"""Every kind of event is taken, and keys are found for it."""

from typing import Any, get_args

import pytest

from schemas.commands import ArchiveConversation
from schemas.events import Event
from streams.conversation import keys
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import State
from tests.unit.conversation.world import (
    ACCOUNT,
    NOW,
    PERSON,
    PROFILE,
    ready,
    send,
    thread,
    told,
    worker,
)  # fmt: skip

KINDS: list[type[Any]] = list(get_args(get_args(Event)[0]))
BODY: dict[str, Any] = {
    "provider": "meta", "platform": "facebook", "account_id": ACCOUNT, "correspondent_id": PERSON,
    "message_id": "m", "person_id": PERSON, "referral": {}, "kind": "other", "item": {},
    "command_id": "c", "reason": "r", "message": "m", "attempt": 1, "month": "2026-11", "rank": 1,
    "expires_at": NOW, "cause_id": "cause", "share": 80, "count": 1, "monthly_limit": 1,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("subject", [thread("facebook"), None])
@pytest.mark.parametrize("platform", ["facebook", None])
def test_every_kind_of_event_is_taken_twice_as_once(
    kind: type[Any], subject: str | None, platform: str | None
) -> None:
    event = kind.model_validate(
        {
            "id": "event", "source": "/test", "time": NOW, "subject": subject, "platform": platform,
            "profileid": PROFILE, "receivedat": NOW, "data": BODY,
        }
    )  # fmt: skip
    once = evolve(State(), event)
    assert evolve(once, event) is once
    for derived in react(once, event, Rules()):
        assert derived.profileid == PROFILE


def test_an_event_without_a_subject_is_of_the_conversation_that_its_body_names() -> None:
    event = told("message.read", NOW, "facebook").model_copy(update={"subject": None})
    assert keys.conversation_of(event) == thread("facebook")
    assert keys.conversation_of(ready()[0]) is None


def test_what_a_command_leads_to_is_kept_under_it_and_what_a_webhook_leads_to_is_not() -> None:
    one = worker()
    assert {keys.command_of(event) for event in one.do(send("c-9"))} == {"c-9"}
    assert [keys.command_of(event) for event in one.log[:3]] == [None, None, None]
    assert "c-9" in one.outcomes


def test_a_command_is_addressed_by_our_id_by_recipient_or_by_the_providers_id() -> None:
    one = worker("facebook")
    by_recipient = send().model_copy(
        update={"conversation_id": None, "platform": "facebook", "recipient_id": "7"}
    )
    archive = ArchiveConversation(
        command_id="a", profileid=PROFILE, issued_at=NOW, conversation_id=thread("x")
    )
    assert keys.addressed(send(to=thread("x", "7")), one.profile) == thread("x", "7")
    assert keys.addressed(by_recipient, one.profile) == thread("facebook", "7")
    assert keys.addressed(archive, one.profile) == thread("x")
    for external in ("t_1", "aWdfZAG1", "123-456", "facebook:", "facebook:1:", "mail:1:2"):
        assert keys.addressed(send(to=external), one.profile) is None


def test_a_correspondents_id_may_hold_a_colon() -> None:
    address = keys.parse_address("x:1:a:b")
    assert address is not None
    assert (address.account_id, address.correspondent_id, address.id) == ("1", "a:b", "x:1:a:b")


def test_keys_of_two_profiles_with_one_conversation_differ() -> None:
    assert keys.conversation_key("a", thread()) != keys.conversation_key("b", thread())
    assert keys.outcome_key("a", "b") != keys.outcome_key("ab", "")
