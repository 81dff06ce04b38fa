"""What is written in a Messenger or Instagram thread: messages, echoes, edits, unsends, buttons."""

from collections.abc import Iterator
from typing import Any

from schemas import data
from schemas.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    MessageSent,
    PostbackReceived,
)
from schemas.webhooks.attachments import attachments
from schemas.webhooks.building import Happening, hashed
from schemas.webhooks.common import (
    JsonObject,
    child,
    flag,
    identifier,
    label,
    required_identifier,
    text,
)

COMMAND_MARK = "dm:"
"""What dmstream's sends put before their command id in `message.metadata`. Messenger's echo gives
the metadata back; that of other apps of the page has no such mark."""

_WITHOUT_CONTENT = frozenset({"ephemeral", "unsupported"})


def message(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`message`: direction by `is_echo`, since a published echo keeps the person as sender."""
    mid = required_identifier(body, "mid", "message")
    if flag(body, "is_deleted"):
        yield frame.event(MessageDeleted, "deleted", mid, message_id=mid, by=frame.by)
        return
    written = text(body, "text", "message")
    content: dict[str, Any] = {"message_id": mid, "text": written}
    has_more = len(body) > (1 if written is None else 2)
    if has_more:  # most messages are a mid and a text
        content |= _beside_text(body, written)
    event = MessageSent if flag(body, "is_echo") else MessageReceived
    yield frame.event(event, "message", mid, **content)


def _beside_text(body: JsonObject, written: str | None) -> dict[str, Any]:
    media = attachments(body, "message") or _bare_sticker(body)
    reply_to = child(body, "reply_to", "message") or {}
    story = child(reply_to, "story", "message.reply_to") or {}
    content: dict[str, Any] = {
        "attachments": media,
        "reply_to_message_id": identifier(reply_to, "mid", "message.reply_to"),
        "reply_to_story_id": identifier(story, "id", "message.reply_to.story"),
        "is_unreadable": flag(body, "is_unsupported") or _is_unreadable(written, media),
    }
    if flag(body, "is_echo"):
        content["app_id"] = identifier(body, "app_id", "message")
        content["command_id"] = _command_id(body)
    else:
        quick_reply = child(body, "quick_reply", "message") or {}
        content["quick_reply_payload"] = text(quick_reply, "payload", "message.quick_reply")
        content["referral"] = referral_of(body)
    return content


def edit(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`message_edit`: `num_edit` is an integer, a quoted one, or missing; so may be the text."""
    mid = required_identifier(body, "mid", "message_edit")
    written = text(body, "text", "message_edit")
    number = _edit_number(body)
    if number is not None:
        which = str(number)
    elif written is not None:
        which = "text:" + hashed(written.encode())
    else:
        which = "at:" + frame.at.key
    yield frame.event(
        MessageEdited,
        "edited",
        mid,
        which,
        message_id=mid,
        text=written,
        edit_number=number,
        by=frame.by,
    )


def postback(frame: Happening, body: JsonObject) -> Iterator[Event]:
    """`postback`: on standby without `payload`; in old samples without `mid`."""
    mid = identifier(body, "mid", "postback")
    title = text(body, "title", "postback")
    parts = (mid,) if mid else (frame.correspondent_id, frame.at.key, title or "")
    yield frame.event(
        PostbackReceived,
        "postback",
        *parts,
        message_id=mid,
        title=title,
        payload=text(body, "payload", "postback"),
        referral=referral_of(body),
    )


def referral_of(body: JsonObject) -> data.Referral | None:
    """A `referral` inside a message or postback."""
    referral = body.get("referral")
    return read_referral(referral) if isinstance(referral, dict) else None


def read_referral(referral: JsonObject) -> data.Referral:
    """`{ref, source, type, ad_id}`, or `{product{id}}` where a message comes from a shop."""
    product = referral.get("product")
    if isinstance(product, dict):
        return data.Referral(ref=label(product, "id"), type="product")
    return data.Referral(
        ref=label(referral, "ref"),
        source=label(referral, "source"),
        type=label(referral, "type"),
        ad_id=label(referral, "ad_id"),
    )


def _command_id(body: JsonObject) -> str | None:
    metadata = label(body, "metadata")
    if metadata is None or not metadata.startswith(COMMAND_MARK):
        return None
    return metadata.removeprefix(COMMAND_MARK) or None


def _edit_number(body: JsonObject) -> int | None:
    number = label(body, "num_edit")
    is_whole = number is not None and number.isascii() and number.isdigit()
    return int(number) if number and is_whole and len(number) < 10 else None  # noqa: PLR2004


def _bare_sticker(body: JsonObject) -> tuple[data.Attachment, ...]:
    """The older form of a sticker: `message.sticker_id` alone."""
    sticker = label(body, "sticker_id")
    if sticker is None:
        return ()
    return (data.Attachment(type="sticker", platform_type="sticker_id", id=sticker),)


def _is_unreadable(written: str | None, media: tuple[data.Attachment, ...]) -> bool:
    """It has content, and none of it came: vanishing pictures, kinds Meta does not hand out."""
    if written or not media:
        return False
    return all(one.type in _WITHOUT_CONTENT and one.url is None for one in media)
