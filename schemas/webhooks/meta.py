"""Meta's webhooks, Messenger (`page`) and Instagram: walking a body, and framing each item.

Read by the presence of keys, never by position: for each `entry` its `messaging`, `standby` and
`changes`, any of which may be missing or stand beside another. One POST may hold a thousand
updates of many accounts (Meta's Graph webhooks docs). Shapes: `meta_payloads`.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple

from schemas.base import Platform
from schemas.events import Event
from schemas.webhooks import meta_messages, meta_signals, meta_threads
from schemas.webhooks.building import (
    Happening,
    Outcome,
    Source,
    guarded,
    happening,
    unrecognised,
)
from schemas.webhooks.common import (
    BadValueError,
    JsonObject,
    Moment,
    as_object,
    at_receipt,
    child,
    children,
    estimated,
    flag,
    identifier,
    label,
    milliseconds,
    told,
)

_PLATFORMS: dict[str, Platform] = {"page": "facebook", "instagram": "instagram"}

_READERS: dict[str, Callable[[Happening, JsonObject], Iterator[Event]]] = {
    "message": meta_messages.message,
    "message_edit": meta_messages.edit,
    "postback": meta_messages.postback,
    "delivery": meta_signals.delivery,
    "read": meta_signals.read_receipt,
    "reaction": meta_signals.reaction,
    "referral": meta_signals.referral,
}

_KNOWN = _READERS.keys() | meta_threads.KEYS

_CHANNELS = frozenset({"messaging", "standby", "changes"})

_FRAME = frozenset({"sender", "recipient", "timestamp", "hop_context", "prior_message"})
"""Keys of an item that say nothing of its kind."""


class Entry(NamedTuple):
    """What the items of one entry share."""

    source: Source
    raw: JsonObject
    own_app_ids: AbstractSet[str]


def reference(body: JsonObject) -> str:
    """The id of the first entry that has one: a page or an Instagram account."""
    for entry in children(body, "entry"):
        found = identifier(entry, "id") if isinstance(entry, dict) else None
        if found:
            return found
    return ""


def read(
    body: JsonObject, received_at: datetime, own_app_ids: AbstractSet[str]
) -> Iterator[Outcome]:
    entries = children(body, "entry")
    kind = label(body, "object") or "other"
    platform = _PLATFORMS.get(kind)
    if not entries:
        source = Source("meta", platform, "", "", received_at)
        yield unrecognised(source, kind, body, at_receipt(received_at))
    for index, value in enumerate(entries):
        path = f"entry[{index}]"
        if platform is None:
            yield from guarded(path, _foreign(value, kind, received_at))
        else:
            yield from guarded(path, _entry(value, path, platform, received_at, own_app_ids))


def _foreign(value: Any, kind: str, received_at: datetime) -> Iterator[Event]:
    """An entry of an object that is neither a page nor an Instagram account."""
    entry = as_object(value)
    account = identifier(entry, "id") or ""
    source = Source("meta", None, account, account, received_at)
    yield unrecognised(source, kind, entry, _moment_of_entry(entry, received_at))


def _entry(
    value: Any,
    path: str,
    platform: Platform,
    received_at: datetime,
    own_app_ids: AbstractSet[str],
) -> Iterator[Outcome]:
    raw = as_object(value)
    account = identifier(raw, "id") or ""
    source = Source("meta", platform, account, account, received_at)
    entry = Entry(source, raw, own_app_ids)
    channels = [key for key in raw if _is_channel(raw, key)]
    for channel in channels:
        yield from guarded(path, _channel(raw, channel, path, entry))
    if not any(raw[channel] for channel in channels):
        yield unrecognised(source, "other", raw, _moment_of_entry(raw, received_at))


def _is_channel(raw: JsonObject, key: str) -> bool:
    """`messaging`, `standby`, `changes`; some routes put hand-overs under a name of their own."""
    items = raw[key]
    if key in _CHANNELS:
        return items is not None
    return key.startswith("messaging") and isinstance(items, list)


def _channel(raw: JsonObject, channel: str, path: str, entry: Entry) -> Iterator[Outcome]:
    read_one = _change if channel == "changes" else _item
    for index, item in enumerate(children(raw, channel)):
        here = f"{path}.{channel}[{index}]"
        yield from guarded(here, read_one(item, entry, standby=channel == "standby"))


def _change(value: Any, entry: Entry, *, standby: bool) -> Iterator[Event]:
    """`{field, value}`: the form of dashboard tests for messages, and of all that are none."""
    change = as_object(value)
    field = label(change, "field") or "other"
    inner = change.get("value")
    if isinstance(inner, dict) and ("sender" in inner or "recipient" in inner):
        yield from _item(inner, entry, standby=standby or field == "standby")
    else:
        yield unrecognised(entry.source, field, change, _moment_at_best({}, entry))


def _item(value: Any, entry: Entry, *, standby: bool) -> Iterator[Event]:
    item = as_object(value)
    known = [key for key in item if key in _KNOWN and _is_told(key, item[key])]
    if not known or _names_nobody(item, entry.source.account_id):
        kind = next((key for key in item if key not in _FRAME), "other")
        message = item.get("message")
        if kind == "message" and isinstance(message, dict) and "admin_text" in message:
            kind = "admin_text"
        yield unrecognised(
            entry.source,
            kind,
            item,
            _moment_at_best(item, entry),
            correspondent_id=_correspondent_at_best(item, entry),
            standby=standby,
        )
        return
    frame = _frame(item, entry, standby=standby)
    for key in known:
        body = child(item, key) or {}
        if key in meta_threads.KEYS:
            yield meta_threads.control(frame, key, body, entry.own_app_ids)
        else:
            yield from _READERS[key](frame, body)


def _is_told(key: str, body: Any) -> bool:
    """Whether the event is really there.

    Not if it is null; nor in a message of `admin_text` alone (an automation gives a thread back);
    nor in an edit number 0 without text, by which Instagram announces a new message to some apps
    in place of the message itself (seen in several handlers: they fetch it by its mid).
    """
    if not isinstance(body, dict):
        return body is not None
    if key == "message":
        return "admin_text" not in body or body.get("mid") is not None
    if key == "message_edit":
        return body.get("text") is not None or label(body, "num_edit") != "0"
    return True


def _names_nobody(item: JsonObject, account: str) -> bool:
    """Such an item belongs to no conversation. Instagram's edits come so to some apps."""
    if item.get("sender") is not None:
        return False
    recipient = item.get("recipient")
    is_object = isinstance(recipient, dict)
    return recipient is None or (is_object and label(recipient, "id") in (None, account))


def _frame(item: JsonObject, entry: Entry, *, standby: bool) -> Happening:
    account = entry.source.account_id
    message = item.get("message")
    is_echo = isinstance(message, dict) and flag(message, "is_echo")
    sender, recipient = _party(item, "sender"), _party(item, "recipient")
    correspondent = _correspondent(sender, recipient, account, is_echo=is_echo)
    ours = is_echo or (sender == account and correspondent != account)
    return happening(
        entry.source,
        correspondent,
        _moment(item, entry),
        by="account" if ours else "correspondent",
        standby=standby,
    )


def _party(item: JsonObject, key: str) -> str | None:
    """A person without a PSID yet (checkbox plugin, dashboard tests) is named by `user_ref`."""
    party = child(item, key)
    if party is None:
        return None
    return identifier(party, "id", key) or identifier(party, "user_ref", key)


def _correspondent(
    sender: str | None, recipient: str | None, account: str, *, is_echo: bool
) -> str:
    """Of the two the one that is not the account.

    Where that does not decide (tests, masked captures, a message to oneself): the recipient of
    an echo, else the sender.
    """
    first, second = (recipient, sender) if is_echo else (sender, recipient)
    if first and second:
        return second if first == account else first
    only = first or second
    if only is None or only == account:
        raise BadValueError("sender.id", "is missing")
    return only


def _correspondent_at_best(item: JsonObject, entry: Entry) -> str:
    account = entry.source.account_id
    try:
        sender, recipient = _party(item, "sender"), _party(item, "recipient")
        return _correspondent(sender, recipient, account, is_echo=False)
    except BadValueError:
        return ""  # the item is kept whole all the same


def _moment(item: JsonObject, entry: Entry) -> Moment:
    """The item's own time; else a receipt's watermark; else when the notice was sent."""
    ms = milliseconds(item, "timestamp")
    if ms is not None:
        return told(ms)
    for key in ("delivery", "read"):
        receipt = child(item, key)
        ms = milliseconds(receipt, "watermark", key) if receipt else None
        if ms is not None:
            return estimated(ms)
    return _moment_of_entry(entry.raw, entry.source.received_at)


def _moment_at_best(item: JsonObject, entry: Entry) -> Moment:
    try:
        return _moment(item, entry)
    except BadValueError:
        return _moment_of_entry(entry.raw, entry.source.received_at)


def _moment_of_entry(entry: JsonObject, received_at: datetime) -> Moment:
    """`entry.time` tells when the notice was sent: an estimate, which a broken one only costs."""
    try:
        ms = milliseconds(entry, "time")
    except BadValueError:
        ms = None
    return at_receipt(received_at) if ms is None else estimated(ms)
