"""Ayrshare's webhooks: one flat object a delivery, routed on `(action, subAction, type)`.

`action` is the hook's, `type` the direction; in Ayrshare's GET answers `action` is the direction.
A combination that is not known is kept as unrecognised and is never an error. Bodies of reads,
reactions and edits are not documented: their readers take each plausible form. Shapes:
`ayrshare_payloads`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from schemas import data
from schemas.base import Platform
from schemas.events import AccountLinked, AccountUnlinked, Event
from schemas.ids import event_id
from schemas.webhooks import ayrshare_messages as messages
from schemas.webhooks import ayrshare_x
from schemas.webhooks.building import Outcome, Source, unrecognised
from schemas.webhooks.common import (
    BadValueError,
    JsonObject,
    Moment,
    at_receipt,
    identifier,
    label,
    milliseconds,
    told,
)

PLATFORMS: dict[str, Platform] = {
    "facebook": "facebook",
    "instagram": "instagram",
    "twitter": "x",
    "x": "x",
}

_Reader = Callable[[JsonObject, Source, Moment], Iterator[Event]]

# (subAction, type) of action `messages`. That a deletion is told by `type`, and under which
# subAction, is inferred; `messageSent` and `messageDeleted` were never seen, and cost nothing.
_MESSAGE_READERS: dict[tuple[str | None, str | None], _Reader] = {
    ("messageCreated", "received"): messages.received,
    ("messageCreated", "sent"): messages.sent,
    ("messageSent", "sent"): messages.sent,
    ("messageSent", None): messages.sent,
    ("messageCreated", "deleted"): messages.deleted,
    (None, "deleted"): messages.deleted,
}
_READERS_BY_SUB_ACTION: dict[str, _Reader] = {
    "messageDeleted": messages.deleted,
    "messageRead": messages.read_receipt,
    "messageEdited": messages.edited,
    "reactionCreated": messages.reaction_created,
    "reactionDeleted": messages.reaction_deleted,
}
_LINKS: dict[str, type[AccountLinked | AccountUnlinked]] = {
    "link": AccountLinked,
    "unlink": AccountUnlinked,
}


def reference(body: JsonObject) -> str:
    """The refId, which names the User Profile; bodies hold no Profile-Key."""
    return identifier(body, "refId") or ""


def read(body: JsonObject, received_at: datetime) -> Iterator[Outcome]:
    action = label(body, "action")
    platform = PLATFORMS.get((label(body, "platform") or "").lower())
    delivery_id = label(body, "hookId")
    profile = reference(body)
    account, correspondent = messages.sides(body) if action == "messages" else ("", "")
    source = Source("ayrshare", platform, account, profile or account, received_at, delivery_id)
    reader = _message_reader(body) if action == "messages" else None
    if reader is not None and platform is not None:
        yield from reader(body, source, _moment(body, received_at))
        return
    if action == "accountActivity":
        yield from ayrshare_x.direct_messages(body, source, _moment_at_best(body, received_at))
    elif action == "social" and platform is not None and _is_link(body):
        yield _link(body, source, platform, _moment(body, received_at))
    else:
        at = _moment_at_best(body, received_at)
        yield unrecognised(source, _kind(body), body, at, correspondent_id=correspondent)


def _kind(body: JsonObject) -> str:
    """`messages/messagePinned/received`: what a reader would route on."""
    words = (label(body, key) for key in ("action", "subAction", "type"))
    return "/".join(word for word in words if word) or "other"


def _message_reader(body: JsonObject) -> _Reader | None:
    sub_action, kind = label(body, "subAction"), label(body, "type")
    found = _MESSAGE_READERS.get((sub_action, kind))
    return found or _READERS_BY_SUB_ACTION.get(sub_action or "")


def _is_link(body: JsonObject) -> bool:
    """`refresh` is neither: it says by when an account must be linked again."""
    details = body.get("details")
    has_failed = isinstance(details, dict) and label(details, "status") == "error"
    return label(body, "type") in _LINKS and not has_failed


def _link(body: JsonObject, source: Source, platform: Platform, at: Moment) -> Event:
    kind = label(body, "type") or ""
    name = "linked" if kind == "link" else "unlinked"
    # The notice names the profile and the platform, not the account: the refId stands for it.
    identity = event_id("ayrshare", source.profileid, name, platform, at.key)
    return source.event(
        _LINKS[kind],
        identity,
        at,
        None,
        data.AccountLink(provider="ayrshare", platform=platform, reason=label(body, "source")),
    )


def _moment(body: JsonObject, received_at: datetime) -> Moment:
    ms = milliseconds(body, "created")
    return at_receipt(received_at) if ms is None else told(ms)


def _moment_at_best(body: JsonObject, received_at: datetime) -> Moment:
    try:
        return _moment(body, received_at)
    except BadValueError:
        return at_receipt(received_at)
