"""Ayrshare: one flat object a POST, JSON as Node writes it (UTF-8, not escaped).

The form of messages is from users' production code. Ayrshare's documents print no body for
reactions, edits and reads; theirs are put together from the documented field list and from what
its GET answers show.
"""

from collections.abc import Callable
from typing import Any

import orjson

from streams.simulator import platform_ids
from streams.simulator.happenings import (
    Edited,
    Happening,
    Reacted,
    Receipt,
    Unknown,
    Unsent,
    Written,
)
from streams.simulator.instants import with_milliseconds, with_seconds
from streams.simulator.world import Conversation, Correspondent

_PLATFORM = {"facebook": "facebook", "instagram": "instagram", "x": "twitter"}
_URL = "https://hooks.example.com/ayrshare"


def messages(happening: Happening, nonce: int) -> bytes:
    """Action `messages`."""
    conversation = happening.conversation
    told = _BY_CLASS[type(happening)](happening)
    body: dict[str, Any] = {"action": "messages"} | told
    body["platform"] = _PLATFORM[conversation.account.platform]
    body["conversationId"] = conversation.external_id
    if isinstance(happening, Written) and happening.by == "account":
        body["senderId"] = conversation.account.account_id
        body["recipientId"] = conversation.correspondent.id
    else:
        body["senderId"] = conversation.correspondent.id
        body["recipientId"] = conversation.account.account_id
        details = _details(conversation)
        if details:
            body["senderDetails"] = details
    body["created"] = with_seconds(happening.at)
    body["refId"] = conversation.account.profile_id
    body["hookId"] = platform_ids.hook_id(nonce)
    body["code"] = 200
    body["url"] = _URL
    return orjson.dumps(body)


def account_activity(happening: Happening, nonce: int, attempt: int) -> bytes:
    """Action `accountActivity`: X direct messages of profiles without the Enterprise option.

    No key tells which side is the account: readers have to know the X user behind `refId`.
    """
    if not isinstance(happening, Written):
        raise TypeError(f"accountActivity has no body for {type(happening).__name__}")
    conversation = happening.conversation
    account, person = conversation.account, conversation.correspondent
    sender, recipient = person.id, account.account_id
    if happening.by == "account":
        sender, recipient = recipient, sender
    created = with_seconds(happening.at)
    return orjson.dumps(
        {
            "action": "accountActivity",
            "type": "accountActivity",
            "code": 200,
            "created": created,
            "platform": "twitter",
            "directMessageEvents": {
                "type": "message_create",
                "createdAt": with_milliseconds(happening.at),
                "id": happening.message_id,
                "messageCreate": {
                    "target": {"recipientId": recipient},
                    "messageData": {
                        "entities": {"hashtags": [], "urls": [], "symbols": [], "userMentions": []},
                        "text": happening.text or "",
                    },
                    "senderId": sender,
                },
            },
            "hookId": platform_ids.hook_id(nonce),
            "mediaUrls": [],
            "refId": account.profile_id,
            "retryAttempt": attempt,
            "scheduleDate": created,
            "source": "system",
            "title": "X Account Activity",
            "url": _URL,
            "users": {
                person.id: _x_user(person.name, person.username, person.picture_url),
                account.account_id: _x_user(account.name, account.username, ""),
            },
        }
    )


def _written(happening: Written) -> dict[str, Any]:
    told: dict[str, Any] = {
        "subAction": "messageCreated",
        "type": "received" if happening.by == "correspondent" else "sent",
        "id": happening.message_id,
        "attachments": [{"type": media.type, "url": media.url} for media in happening.media],
    }
    if happening.text is not None:
        told["message"] = happening.text
    return told


def _edited(happening: Edited) -> dict[str, Any]:
    return {
        "subAction": "messageEdited",
        "type": "received",
        "id": happening.message_id,
        "message": happening.text,
        "attachments": [],
    }


def _unsent(happening: Unsent) -> dict[str, Any]:
    """`type: "deleted"` is documented, the subAction beside it is not: with it and without."""
    alone = happening.at // 1_000 % 2
    told = {} if alone else {"subAction": "messageCreated"}
    return told | {"type": "deleted", "id": happening.message_id}


def _receipt(_: Receipt) -> dict[str, Any]:
    return {"subAction": "messageRead"}


def _reacted(happening: Reacted) -> dict[str, Any]:
    person = happening.conversation.correspondent.id
    return {
        "subAction": "reactionCreated" if happening.added else "reactionDeleted",
        "type": "received",
        "id": happening.message_id,
        "reactions": {person: happening.emoji} if happening.added else {},
    }


def _unknown(happening: Unknown) -> dict[str, Any]:
    return {"subAction": happening.key, "type": "received"} | dict(happening.value)


def _details(conversation: Conversation) -> dict[str, str]:
    """Missing for every eighth person, and the bare id for a name for another one."""
    person: Correspondent = conversation.correspondent
    which = person.joined_ms % 8
    if which == 0:
        return {}
    if which == 1:
        return {"id": person.id, "name": person.id}
    return {
        "id": person.id,
        "name": person.name,
        "username": person.username,
        "profileImage": person.picture_url,
    }


def _x_user(name: str, username: str, picture: str) -> dict[str, Any]:
    return {
        "verified": False,
        "location": "",
        "profileImage": picture,
        "name": name,
        "username": username,
    }


_BY_CLASS: dict[type[Happening], Callable[..., dict[str, Any]]] = {
    Written: _written,
    Edited: _edited,
    Unsent: _unsent,
    Receipt: _receipt,
    Reacted: _reacted,
    Unknown: _unknown,
}
