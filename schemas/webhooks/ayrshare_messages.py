"""Ayrshare's action `messages`: one flat object for all three platforms."""

from collections.abc import Iterator
from typing import Any

from schemas import data
from schemas.base import Party
from schemas.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageReceived,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from schemas.webhooks.attachments import attachments
from schemas.webhooks.building import Happening, Source, happening, hashed, person
from schemas.webhooks.common import (
    BadValueError,
    JsonObject,
    Moment,
    from_milliseconds,
    identifier,
    label,
    required_identifier,
    text,
)

_INSTAGRAM_ACCOUNT = "17841"
"""Ids of Instagram professional accounts begin so (Meta's samples and every capture)."""


def sides(body: JsonObject) -> tuple[str, str]:
    """The account and the correspondent: recipient and sender, or the other way round for what
    was sent. Empty where not told."""
    sender, recipient = identifier(body, "senderId") or "", identifier(body, "recipientId") or ""
    return (sender, recipient) if _is_ours(body) else (recipient, sender)


def received(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    yield _message(body, source, at, MessageReceived)


def sent(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    """An own message that comes back; it tells neither an app nor a command."""
    yield _message(body, source, at, MessageSent)


def _message(
    body: JsonObject, source: Source, at: Moment, event: type[MessageReceived | MessageSent]
) -> Event:
    frame = _frame(body, source, at)
    message_id = _message_id(body)
    return frame.event(
        event,
        "message",
        message_id,
        message_id=message_id,
        text=_text(body),
        attachments=attachments(body),
        correspondent=_person(body, frame),
    )


def deleted(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    frame = _frame(body, source, at)
    target = _target(body)
    yield frame.event(MessageDeleted, "deleted", target, message_id=target, by=frame.by)


def edited(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    """No edit number was ever seen: the text tells one edit from another."""
    frame = _frame(body, source, at)
    target, written = _target(body), _text(body)
    which = f"text:{hashed(written.encode())}" if written else f"at:{at.key}"
    yield frame.event(
        MessageEdited,
        "edited",
        target,
        which,
        message_id=target,
        text=written,
        by=frame.by,
    )


def read_receipt(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    """Which message a read means is not documented: without an id, all up to `created`."""
    frame = _frame(body, source, at)
    target = identifier(body, "id")
    if target is None and not at.key:
        raise BadValueError("created", "is missing, and so is id: what was read is not told")
    yield frame.event(
        MessageRead,
        "read",
        frame.correspondent_id,
        frame.by,
        target or at.key,
        message_id=target,
        watermark_at=None if target else from_milliseconds(at.ms),
        by=frame.by,
    )


def reaction_created(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    yield _reaction(body, source, at, ReactionAdded)


def reaction_deleted(body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    yield _reaction(body, source, at, ReactionRemoved)


def _reaction(
    body: JsonObject, source: Source, at: Moment, event: type[ReactionAdded | ReactionRemoved]
) -> Event:
    frame = _frame(body, source, at)
    target = _target(body)
    who = source.account_id if frame.by == "account" else frame.correspondent_id
    is_added = event is ReactionAdded
    emoji = _emoji(body, who, is_added=is_added)
    return frame.event(
        event,
        "reaction",
        target,
        who,
        "added" if is_added else "removed",
        emoji or "",
        at.key,
        message_id=target,
        by=frame.by,
        person_id=who,
        emoji=emoji,
    )


def _emoji(body: JsonObject, who: str, *, is_added: bool) -> str | None:
    """`reactions: {"<userId>": "<emoji>"}` as GET has it, where others' may stand beside; or a
    list of such; or `reaction` or `emoji` as text or object."""
    reactions = body.get("reactions")
    if isinstance(reactions, dict):
        if who in reactions:
            return _emoji_in(reactions[who])
        # After a removal the map may show what others left.
        is_the_one = is_added and len(reactions) == 1
        return _emoji_in(next(iter(reactions.values()))) if is_the_one else None
    if isinstance(reactions, list):
        own = [one for one in reactions if isinstance(one, dict) and _is_from(one, who)]
        return _emoji_in(own[-1]) if own else None
    return _emoji_in(body.get("reaction")) or _emoji_in(body.get("emoji"))


def _emoji_in(value: Any) -> str | None:
    if isinstance(value, dict):
        return label(value, "emoji") or label(value, "reaction")
    return value if isinstance(value, str) and value else None


def _is_from(reaction: JsonObject, who: str) -> bool:
    return any(label(reaction, key) == who for key in ("userId", "senderId", "id"))


def _frame(body: JsonObject, source: Source, at: Moment) -> Happening:
    is_ours = _is_ours(body)
    by: Party = "account" if is_ours else "correspondent"
    return happening(
        source,
        required_identifier(body, "recipientId" if is_ours else "senderId"),
        at,
        by=by,
        external_conversation_id=identifier(body, "conversationId"),
    )


def _is_ours(body: JsonObject) -> bool:
    """Whether the profile's side did it: by `type`, and by `subAction` where that is missing.

    Deletions and reads tell no direction. They are taken as the correspondent's, except that on
    Instagram the id of a professional account gives it away.
    """
    kind = label(body, "type")
    if kind == "sent" or (kind is None and label(body, "subAction") == "messageSent"):
        return True
    if kind == "received" or (label(body, "platform") or "").lower() != "instagram":
        return False
    sender, recipient = label(body, "senderId") or "", label(body, "recipientId") or ""
    return sender.startswith(_INSTAGRAM_ACCOUNT) and not recipient.startswith(_INSTAGRAM_ACCOUNT)


def _message_id(body: JsonObject) -> str:
    """`id`; without it what one user of Ayrshare dedupes by: conversation and time."""
    found = identifier(body, "id")
    if found is not None:
        return found
    conversation, created = identifier(body, "conversationId"), identifier(body, "created")
    if conversation is None or created is None:
        raise BadValueError("id", "is missing")
    return f"{conversation}_{created}"


def _target(body: JsonObject) -> str:
    """The message that a reaction, an edit or a deletion is about: expected in `id`."""
    return identifier(body, "id") or required_identifier(body, "messageId")


def _text(body: JsonObject) -> str | None:
    """`message` is text; one user's handler also copes with `{text}`."""
    message = body.get("message")
    return text(message, "text", "message") if isinstance(message, dict) else text(body, "message")


def _person(body: JsonObject, frame: Happening) -> data.Person | None:
    details = body.get("recipientDetails" if frame.by == "account" else "senderDetails")
    if not isinstance(details, dict):
        return None
    name = label(details, "name")
    # Seen: the bare id in place of a name. It names nobody.
    is_name = name is not None and name != frame.correspondent_id
    return person(
        name if is_name else None,
        label(details, "username"),
        label(details, "profileImage") or label(details, "picture"),
    )
