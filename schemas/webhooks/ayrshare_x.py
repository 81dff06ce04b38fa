"""Ayrshare's action `accountActivity`: X direct messages, X's own form in camelCase.

Which of the two people is the linked account no key says: Ayrshare expects the reader to know the
X user behind the refId, and a body alone can't tell. So every message is read as received, its
recipient as the account: that is right for all that correspondents write. A message of the user
comes out with its sides swapped, unless a body says `forUserId`, as X's own bodies do.
"""

from collections.abc import Iterator
from typing import Any

from schemas import data
from schemas.events import Event, MessageReceived, MessageSent
from schemas.webhooks.building import Outcome, Source, guarded, happening, person, unrecognised
from schemas.webhooks.common import (
    JsonObject,
    Moment,
    as_object,
    child,
    identifier,
    label,
    milliseconds,
    required_identifier,
    text,
    told,
)

_WHERE = "directMessageEvents"
_MEDIA_TYPES: dict[str, data.AttachmentType] = {
    "photo": "image",
    "animated_gif": "image",
    "video": "video",
}


def direct_messages(body: JsonObject, source: Source, at: Moment) -> Iterator[Outcome]:
    """`directMessageEvents` is one object in the published sample; a list is read as well.

    Typing and reads come on this stream too, under keys that were never published: unrecognised.
    """
    told_of = body.get(_WHERE)
    items = told_of if isinstance(told_of, list) else [told_of]
    if not told_of:
        yield unrecognised(source, "accountActivity", body, at)
        return
    for index, item in enumerate(items):
        yield from guarded(f"{_WHERE}[{index}]", _direct_message(item, body, source, at))


def _direct_message(value: Any, body: JsonObject, source: Source, at: Moment) -> Iterator[Event]:
    item = as_object(value)
    create = child(item, "messageCreate")
    if create is None:
        yield unrecognised(source, label(item, "type") or "accountActivity", body, at)
        return
    where = "messageCreate"
    target = child(create, "target", where) or {}
    sender = required_identifier(create, "senderId", where)
    recipient = required_identifier(target, "recipientId", f"{where}.target")
    account = identifier(body, "forUserId") or recipient
    is_ours = sender == account
    correspondent = recipient if is_ours else sender
    ms = milliseconds(item, "createdAt")
    message_id = required_identifier(item, "id")
    content = child(create, "messageData", where) or {}
    frame = happening(
        source._replace(platform="x", account_id=account, profileid=source.profileid or account),
        correspondent,
        at if ms is None else told(ms),
        by="account" if is_ours else "correspondent",
    )
    yield frame.event(
        MessageSent if is_ours else MessageReceived,
        "message",
        message_id,
        message_id=message_id,
        text=text(content, "text", f"{where}.messageData"),
        attachments=_media(content, body),
        correspondent=_person(body, correspondent),
    )


def _media(content: JsonObject, body: JsonObject) -> tuple[data.Attachment, ...]:
    """X's attachment if it was passed on, else the addresses of `mediaUrls`."""
    attachment = content.get("attachment")
    media = attachment.get("media") if isinstance(attachment, dict) else None
    if isinstance(media, dict):
        word = label(media, "type") or "media"
        return (
            data.Attachment(
                type=_MEDIA_TYPES.get(word, "other"),
                platform_type=word,
                url=label(media, "mediaUrlHttps") or label(media, "mediaUrl"),
                id=label(media, "idStr") or label(media, "id"),
            ),
        )
    urls = body.get("mediaUrls")
    listed: list[Any] = urls if isinstance(urls, list) else []
    return tuple(
        data.Attachment(type="other", platform_type="mediaUrls", url=url)
        for url in listed
        if isinstance(url, str) and url
    )


def _person(body: JsonObject, user_id: str) -> data.Person | None:
    users = body.get("users")
    user = users.get(user_id) if isinstance(users, dict) else None
    if not isinstance(user, dict):
        return None
    return person(
        label(user, "name"),
        label(user, "username") or label(user, "screenName"),
        label(user, "profileImage"),
    )
