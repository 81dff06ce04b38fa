"""The direct-message events of X: messages, typing, reads, and encrypted chat messages."""

import re
from collections.abc import Iterator
from typing import Any

from schemas import data
from schemas.events import Event, MessageRead, MessageReceived, MessageSent, TypingStarted
from schemas.webhooks.building import Happening, Source, happening, person, unrecognised
from schemas.webhooks.common import (
    LATEST_MS,
    BadValueError,
    JsonObject,
    Moment,
    as_object,
    at_path,
    at_receipt,
    child,
    estimated,
    from_milliseconds,
    identifier,
    label,
    milliseconds,
    required_identifier,
    text,
    told,
)

_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
"""X's ids hold their time in milliseconds since then, above 22 bits; it equals
`created_timestamp` in the captures (computed)."""

_MEDIA_TYPES: dict[str, data.AttachmentType] = {
    "photo": "image",
    "animated_gif": "image",
    "video": "video",
    "audio": "audio",
    "location": "location",
}
_ONE_TO_ONE = re.compile(r"(\d+)[:-](\d+)")


def direct_message(item: Any, source: Source, names: JsonObject) -> Iterator[Event]:
    """`message_create`. The text stays as it came: media add a t.co link to its end."""
    event = as_object(item)
    create = child(event, "message_create")
    if label(event, "type") != "message_create" or create is None:
        yield _unknown(event, source)
        return
    where = "message_create"
    target = child(create, "target", where) or {}
    recipient = identifier(target, "recipient_id", f"{where}.target")
    if recipient is None:
        # A group names its conversation and no recipient: our conversations have two sides.
        yield _unknown(event, source)
        return
    sender = required_identifier(create, "sender_id", where)
    message_id = required_identifier(event, "id")
    frame = _frame(source, sender, recipient, _moment(event, source))
    body = child(create, "message_data", where) or {}
    content = {
        "message_id": message_id,
        "text": text(body, "text", f"{where}.message_data"),
        "attachments": _attachments(body),
        "correspondent": _person(names, frame.correspondent_id),
    }
    if frame.by == "account":
        app = identifier(create, "source_app_id", where)
        yield frame.event(MessageSent, "message", message_id, app_id=app, **content)
        return
    answer = child(body, "quick_reply_response", f"{where}.message_data") or {}
    yield frame.event(
        MessageReceived,
        "message",
        message_id,
        quick_reply_payload=text(answer, "metadata", f"{where}.message_data.quick_reply_response"),
        referral=_initiated_via(event),
        **content,
    )


def typing(item: Any, source: Source, names: JsonObject) -> Iterator[Event]:  # noqa: ARG001
    event = as_object(item)
    frame = _two_sided(event, source)
    yield frame.event(
        TypingStarted,
        "typing",
        frame.correspondent_id,
        frame.by,
        frame.at.key,
        by=frame.by,
    )


def mark_read(item: Any, source: Source, names: JsonObject) -> Iterator[Event]:  # noqa: ARG001
    """Everything up to `last_read_event_id` is read; its snowflake tells up to when."""
    event = as_object(item)
    frame = _two_sided(event, source)
    last = required_identifier(event, "last_read_event_id")
    up_to = _snowflake_ms(last)
    yield frame.event(
        MessageRead,
        "read",
        frame.correspondent_id,
        frame.by,
        last,
        message_id=last,
        watermark_at=None if up_to is None else from_milliseconds(up_to),
        by=frame.by,
    )


def chat(payload: JsonObject, activity: JsonObject, source: Source) -> Iterator[Event]:
    """An encrypted chat message: that it came is known, its content needs keys we do not hold.

    A chat of more than two is kept as unrecognised: its id does not read `<user>:<user>`.
    """
    conversation = identifier(payload, "conversation_id", "payload")
    sides = _ONE_TO_ONE.fullmatch(conversation or "")
    if sides is None or (source.account_id and source.account_id not in sides.groups()):
        kind = label(activity, "event_type") or "other"
        at = moment_at_best(payload, source, "created_at_msec")
        yield unrecognised(source, kind, activity, at)
        return
    sender = required_identifier(payload, "sender_id", "payload")
    other = sides[2] if sides[1] == source.account_id else sides[1]
    is_ours = sender == source.account_id
    message_id = required_identifier(payload, "id", "payload")
    ms = milliseconds(payload, "created_at_msec", "payload")
    frame = happening(
        source,
        other,
        told(ms) if ms is not None else at_receipt(source.received_at),
        by="account" if is_ours else "correspondent",
        external_conversation_id=conversation,
    )
    yield frame.event(
        MessageSent if is_ours else MessageReceived,
        "message",
        message_id,
        message_id=message_id,
        is_unreadable=True,
    )


def moment_at_best(item: JsonObject, source: Source, key: str = "created_timestamp") -> Moment:
    try:
        ms = milliseconds(item, key)
    except BadValueError:
        ms = None
    return told(ms) if ms is not None else at_receipt(source.received_at)


def _person(names: JsonObject, user_id: str) -> data.Person | None:
    """The correspondent in `users`: AAA has v1.1 user objects, XAA v2 ones under `data`."""
    user = names.get(user_id)
    if not isinstance(user, dict):
        return None
    inner = user.get("data")
    if isinstance(inner, dict):
        user = inner
    return person(
        label(user, "name"),
        label(user, "screen_name") or label(user, "username"),
        label(user, "profile_image_url_https") or label(user, "profile_image_url"),
    )


def _unknown(event: JsonObject, source: Source) -> Event:
    kind = label(event, "type") or "other"
    return unrecognised(source, kind, event, moment_at_best(event, source))


def _two_sided(event: JsonObject, source: Source) -> Happening:
    target = child(event, "target") or {}
    sender = required_identifier(event, "sender_id")
    return _frame(
        source, sender, identifier(target, "recipient_id", "target"), _moment(event, source)
    )


def _frame(source: Source, sender: str, recipient: str | None, at: Moment) -> Happening:
    """Of the two the one that is not the account; if neither is it, the sender.

    The samples in X's docs for typing and read name two strangers.
    """
    is_ours = sender == source.account_id
    other = recipient if is_ours else sender
    if other is None:
        raise BadValueError("target.recipient_id", "is missing")
    return happening(source, other, at, by="account" if is_ours else "correspondent")


def _moment(event: JsonObject, source: Source) -> Moment:
    ms = milliseconds(event, "created_timestamp")
    if ms is not None:
        return told(ms)
    ms = _snowflake_ms(identifier(event, "id") or "")
    return estimated(ms) if ms is not None else at_receipt(source.received_at)


def _snowflake_ms(event_id: str) -> int | None:
    if not (event_id.isascii() and event_id.isdigit()):
        return None
    ms = (int(event_id) >> 22) + _SNOWFLAKE_EPOCH_MS
    # Ids before November 2010 were counted, not timed.
    return ms if _SNOWFLAKE_EPOCH_MS + 1000 < ms < LATEST_MS else None


def _initiated_via(event: JsonObject) -> data.Referral | None:
    via = event.get("initiated_via")
    if not isinstance(via, dict):
        return None
    for source, key in (("tweet", "tweet_id"), ("welcome_message", "welcome_message_id")):
        if found := label(via, key):
            return data.Referral(ref=found, source=source)
    return None


def _attachments(body: JsonObject) -> tuple[data.Attachment, ...]:
    where = "message_create.message_data"
    attachment = child(body, "attachment", where)
    if attachment is None:
        return ()
    kind = label(attachment, "type") or "other"
    details = child(attachment, kind, at_path(where, "attachment")) or {}
    word = (label(details, "type") if kind == "media" else None) or kind
    return (
        data.Attachment(
            type=_MEDIA_TYPES.get(word, "other"),
            platform_type=word,
            url=_best_url(details, word),
            # `id` is a number above 2^53: other readers of JSON round it.
            id=label(details, "id_str") or label(details, "id"),
        ),
    )


def _best_url(media: JsonObject, word: str) -> str | None:
    """A video's address is its best variant; its `media_url` shows the first frame."""
    still = label(media, "media_url_https") or label(media, "media_url")
    info = media.get("video_info")
    variants = info.get("variants") if isinstance(info, dict) and word == "video" else None
    if not isinstance(variants, list):
        return still
    playable = [one for one in variants if isinstance(one, dict) and label(one, "url")]
    best = max(playable, key=_bitrate, default=None)
    return label(best, "url") if best else still


def _bitrate(variant: JsonObject) -> float:
    rate = variant.get("bitrate")
    return float(rate) if isinstance(rate, int | float) else 0.0
