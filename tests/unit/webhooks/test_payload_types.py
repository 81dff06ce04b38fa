"""The published payload types are true: every fixture fits them, and says nothing beside them."""

from typing import Any, get_args, get_origin

import pytest
from pydantic import TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

from schemas.webhooks.ayrshare_payloads import AyrshareBody
from schemas.webhooks.meta_payloads import MessagingItem, MetaBody
from schemas.webhooks.x_payloads import AccountActivityBody, ActivityBody
from tests.unit.webhooks import reading

# Keys of other kinds than a reader knows; the readers keep them whole.
UNKNOWN = {
    "hologram", "policy_enforcement", "optin", "account_linking", "order", "lead",
    "messaging_handovers", "tweet_create_events", "participants_join", "before", "after",
    "directMessageIndicateTypingEvents", "scheduleDate", "title", "refreshBy", "status", "errors",
    "postIds", "conversation_token", "conversation_key_version", "message_event_signature",
    "conversation_id",
}  # fmt: skip


def body_type(provider: str, name: str) -> Any:
    if provider == "x":
        return ActivityBody if name.startswith("xaa") else AccountActivityBody
    return {"meta": MetaBody, "ayrshare": AyrshareBody}[provider]


@pytest.mark.parametrize(
    ("provider", "name"),
    [(p, n) for p in ("ayrshare", "meta", "x") for n in reading.names(p)],
)
def test_every_fixture_fits_the_published_type(provider: str, name: str) -> None:
    tree, kind = reading.tree(provider, name), body_type(provider, name)
    TypeAdapter(kind).validate_python(tree)
    assert undeclared(tree, kind) <= UNKNOWN


def undeclared(value: Any, kind: Any) -> set[str]:
    """Keys of the value that its type does not declare, at any depth."""
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        missing = value.keys() - hints.keys()
        return missing.union(
            *(undeclared(value[key], hints[key]) for key in value.keys() & hints.keys())
        )
    if get_origin(kind) is list:
        return set().union(*(undeclared(one, get_args(kind)[0]) for one in value))
    inner = [arm for arm in get_args(kind) if is_typeddict(arm)]
    return undeclared(value, inner[0]) if inner and isinstance(value, dict) else set()


def test_a_wrong_type_would_be_noticed() -> None:
    """The check above can fail."""
    with pytest.raises(ValueError, match="mid"):
        TypeAdapter(MessagingItem).validate_python({"message": {"mid": {}}})
    assert undeclared({"message": {"mood": 1}}, MessagingItem) == {"mood"}
