"""X's webhooks: Account Activity (AAA, deprecated) and its successor X Activity (XAA).

Both carry the same direct-message events, and one message may come through both: it is one event.
AAA names the account in `for_user_id`, XAA in `data.filter.user_id`. Shapes: `x_payloads`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from schemas import data
from schemas.events import AccountUnlinked, Event
from schemas.ids import event_id
from schemas.webhooks import x_events
from schemas.webhooks.building import Outcome, Source, guarded, unrecognised
from schemas.webhooks.common import (
    JsonObject,
    as_object,
    at_receipt,
    child,
    children,
    identifier,
    label,
    milliseconds,
    required_identifier,
    told,
)

_READERS = {
    "direct_message_events": x_events.direct_message,
    "direct_message_indicate_typing_events": x_events.typing,
    "direct_message_mark_read_events": x_events.mark_read,
}
_CONTEXT = frozenset({"for_user_id", "users", "apps"})
"""Keys of a body that say nothing of its kind."""

_CHATS = frozenset({"chat.received", "chat.sent"})
_REVOKED = "revoked"


def reference(body: JsonObject) -> str:
    """The X user id of the account."""
    activity = body.get("data")
    if isinstance(activity, dict):
        subject = child(activity, "filter", "data") or {}
        payload = child(activity, "payload", "data") or {}
        return identifier(subject, "user_id") or identifier(payload, "user_id") or ""
    revoke = _revoke(body)
    if revoke is not None:
        return identifier(child(revoke, "source") or {}, "user_id") or ""
    return identifier(body, "for_user_id") or ""


def read(body: JsonObject, received_at: datetime) -> Iterator[Outcome]:
    if "data" in body:
        yield from guarded("data", _activity(body, received_at))
        return
    revoke = _revoke(body)
    if revoke is not None:
        where = "user_event.revoke"
        source_user = child(revoke, "source", where) or {}
        yield _unlinked(
            _source(required_identifier(source_user, "user_id", f"{where}.source"), received_at),
            milliseconds(revoke, "date_time", where),
        )
        return
    source = _source(identifier(body, "for_user_id") or "", received_at)
    yield from _arrays(body, body, "", source, _kind(body))


def _activity(body: JsonObject, received_at: datetime) -> Iterator[Outcome]:
    """XAA: `{data: {event_uuid, filter, event_type, tag?, payload}}`."""
    activity = as_object(body["data"])
    kind = label(activity, "event_type") or "other"
    payload = child(activity, "payload") or {}
    account = identifier(child(activity, "filter") or {}, "user_id", "filter")
    delivery_id = label(activity, "event_uuid")
    if kind == "oauth.revoke":
        account = required_identifier(payload, "user_id", "payload")
        source = _source(account, received_at, delivery_id)
        yield _unlinked(source, milliseconds(payload, "date_time", "payload"))
        return
    source = _source(account or "", received_at, delivery_id)
    if kind in _CHATS:
        yield from x_events.chat(payload, activity, source)
    else:
        yield from _arrays(payload, activity, "data.payload", source, kind)


def _arrays(
    holder: JsonObject, whole: JsonObject, path: str, source: Source, kind: str
) -> Iterator[Outcome]:
    """The arrays `..._events` of a body or payload; `whole` is kept where there are none."""
    users = holder.get("users")
    names = users if isinstance(users, dict) else {}
    arrays = [key for key in holder if key.endswith("_events") and holder[key]]
    for key in arrays:
        here = f"{path}.{key}" if path else key
        yield from guarded(path, _array(holder, key, here, source, names))
    if not arrays:
        yield unrecognised(source, kind, whole, at_receipt(source.received_at))


def _array(
    holder: JsonObject, key: str, path: str, source: Source, names: JsonObject
) -> Iterator[Outcome]:
    reader = _READERS.get(key)
    for index, item in enumerate(children(holder, key)):
        here = f"{path}[{index}]"
        if reader is None:
            yield from guarded(here, _unknown(key, item, source))
        else:
            yield from guarded(here, reader(item, source, names))


def _unknown(key: str, item: Any, source: Source) -> Iterator[Event]:
    """Posts, follows, likes: the same stream carries the account's whole activity."""
    event = as_object(item)
    yield unrecognised(source, key, event, x_events.moment_at_best(event, source))


def _kind(body: JsonObject) -> str:
    """For a body without events: what it holds beside its context."""
    parts = (key for key in body if key not in _CONTEXT and isinstance(body[key], dict | list))
    return label(body, "type") or next(parts, "other")


def _source(account: str, received_at: datetime, delivery_id: str | None = None) -> Source:
    return Source("x", "x", account, account, received_at, delivery_id)


def _revoke(body: JsonObject) -> JsonObject | None:
    event = body.get("user_event")
    revoke = event.get("revoke") if isinstance(event, dict) else None
    return revoke if isinstance(revoke, dict) else None


def _unlinked(source: Source, ms: int | None) -> Event:
    """The user took the app's access away, at X."""
    at = told(ms) if ms is not None else at_receipt(source.received_at)
    return source.event(
        AccountUnlinked,
        event_id("x", source.account_id, "unlinked", "x", at.key),
        at,
        None,
        data.AccountLink(provider="x", platform="x", account_id=source.account_id, reason=_REVOKED),
    )
