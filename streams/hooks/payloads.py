"""From an event to the body of a webhook: Ayrshare's flat form of the action `messages`.

Ayrshare published no whole body; the members are those that users' published handlers read, and
what our own reader of such webhooks understands (schemas/webhooks/ayrshare_messages.py): a test
sends each kind through it. What is more than Ayrshare's is marked so.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from schemas import events
from schemas.base import rfc3339
from schemas.hooks import HookRecord

Body = dict[str, Any]


def body_of(event: events.Event, hook: HookRecord) -> bytes | None:
    """The bytes to be signed and posted; None for what the action does not tell, and for history
    that was fetched: it did not happen now."""
    make = _KINDS.get(type(event))
    if make is None or event.data.backfilled:  # type: ignore[union-attr]
        return None
    data: Any = event.data
    by_account = _by_account(event)
    sender, recipient = data.correspondent_id, data.account_id
    if by_account:
        sender, recipient = recipient, sender
    body: Body = {
        "action": hook.action,
        "platform": "twitter" if event.platform == "x" else event.platform,
        "conversationId": event.subject,
        "externalConversationId": data.external_conversation_id,  # more
        "senderId": sender,
        "recipientId": recipient,
        "created": rfc3339(event.time),
        "refId": hook.reference,
        "hookId": event.id,
        "code": 200,
        "url": hook.url,
        "replay": True if hook.replay is not None else None,  # more
        **make(data, by_account),
    }
    return orjson.dumps({name: value for name, value in body.items() if value is not None})


def _by_account(event: events.Event) -> bool:
    return isinstance(event, events.MessageSent) or getattr(event.data, "by", "") == "account"


def _message(data: Any, by_account: bool) -> Body:
    body: Body = {
        "subAction": "messageCreated",
        "type": "sent" if by_account else "received",
        "id": data.message_id,
        "message": data.text or "",
        "attachments": [
            {"type": one.platform_type, **({"url": one.url} if one.url else {})}
            for one in data.attachments
        ],
        "commandId": data.command_id,  # more
    }
    if data.correspondent is not None:
        person = data.correspondent
        details = {
            "id": data.correspondent_id,
            "name": person.name,
            "username": person.username,
            "profileImage": person.picture_url,
        }
        name = "recipientDetails" if by_account else "senderDetails"
        body[name] = {key: value for key, value in details.items() if value is not None}
    return body


def _edited(data: Any, by_account: bool) -> Body:
    return {
        "subAction": "messageEdited",
        "type": "sent" if by_account else "received",
        "id": data.message_id,
        "message": data.text or "",
    }


def _deleted(data: Any, _by_account: bool) -> Body:
    return {"subAction": "messageCreated", "type": "deleted", "id": data.message_id}


def _read(data: Any, by_account: bool) -> Body:
    return _receipt("messageRead", data, by_account)


def _delivered(data: Any, by_account: bool) -> Body:
    return _receipt("messageDelivered", data, by_account)  # more


def _receipt(sub_action: str, data: Any, by_account: bool) -> Body:
    body: Body = {
        "subAction": sub_action,
        "type": "sent" if by_account else "received",
        "id": data.message_id,
    }
    if data.watermark_at is not None:
        body["created"] = rfc3339(data.watermark_at)
    return body


def _reaction_added(data: Any, by_account: bool) -> Body:
    return _reaction("reactionCreated", data, by_account)


def _reaction_removed(data: Any, by_account: bool) -> Body:
    return _reaction("reactionDeleted", data, by_account)


def _reaction(sub_action: str, data: Any, by_account: bool) -> Body:
    return {
        "subAction": sub_action,
        "type": "sent" if by_account else "received",
        "id": data.message_id,
        "reactions": {data.person_id: data.emoji} if data.emoji else None,
    }


_KINDS: Mapping[type[events.Event], Callable[[Any, bool], Body]] = {
    events.MessageReceived: _message,
    events.MessageSent: _message,
    events.MessageEdited: _edited,
    events.MessageDeleted: _deleted,
    events.MessageRead: _read,
    events.MessageDelivered: _delivered,
    events.ReactionAdded: _reaction_added,
    events.ReactionRemoved: _reaction_removed,
}
KINDS = frozenset(kind.model_fields["type"].default for kind in _KINDS)
"""Types of the events that are told: others need not be parsed."""
