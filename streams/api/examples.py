"""An answer of each kind, for the OpenAPI document: of one shop, and one person who writes to it.

By the name of the answer's schema. A test holds each against it.
"""

from collections.abc import Mapping
from typing import Any

_ACCOUNT, _PERSON = "1234567890", "5678901234567890"
_CONVERSATION = f"facebook:{_ACCOUNT}:{_PERSON}"
_PROFILE = "0f8fad5bd9cb469fa16570867728950e"
_COMMAND = "c019b2f6a4c1e8d4f5a6b7c8d0e1f2a3b"
_HOOK = "whk_5f2b6c1d"
_AT, _LATER = "2026-11-20T09:30:00.000Z", "2026-11-20T09:31:12.000Z"

_DONE = {"status": "success"}
_WHO = {"id": _PERSON, "name": "Ada Marsh", "username": "ada.marsh"}
_ANSWERS_ITSELF = {
    "autoResponseActive": True,
    "autoResponseMessage": "We are on it.",
    "autoResponseWaitSeconds": 86_400,
}
_LINKED = {
    "platform": "facebook",
    "accountId": _ACCOUNT,
    "provider": "meta",
    "linked": _AT,
    "messagingActive": True,
}
_SHOP = {
    "title": "The shop",
    "refId": "the-shop",
    "profileKey": _PROFILE,
    "messagingActive": True,
    "created": _AT,
    "activeSocialAccounts": ["facebook"],
    "accounts": [_LINKED],
}
_REPLAY = {"id": "rpl_77aa01", "webhook": _HOOK, "events": 120, "since": _AT, "until": _LATER}

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "SentAnswer": {
        **_DONE,
        "recipientId": _PERSON,
        "messageId": "m_AbCdEf",
        "message": "Yes, in blue.",
        "conversationId": _CONVERSATION,
        "commandId": _COMMAND,
    },
    "CommandAnswer": {
        **_DONE,
        "commandId": _COMMAND,
        "outcome": "accepted",
        "conversationId": _CONVERSATION,
        "recipientId": _PERSON,
        "platform": "facebook",
        "updated": _AT,
    },
    "HistoryAnswer": {
        **_DONE,
        "messages": [
            {
                "id": "m_GhIjKl",
                "conversationId": _CONVERSATION,
                "platform": "facebook",
                "action": "received",
                "senderId": _PERSON,
                "recipientId": _ACCOUNT,
                "message": "Do you still have it in blue?",
                "created": _AT,
                "senderDetails": _WHO,
                "attachments": [{"type": "image", "url": "https://cdn.example.com/blue.jpg"}],
            }
        ],
        "messagesCount": 1,
        "lastUpdated": _LATER,
        "nextUpdate": _LATER,
        "isCurrent": True,
        "meta": {"pagination": {"limit": 50}},
    },
    "ConversationAnswer": {
        **_DONE,
        "conversationId": _CONVERSATION,
        "platform": "facebook",
        "accountId": _ACCOUNT,
        "correspondent": _WHO,
        "state": "active",
        "threadControl": "ours",
        "canReply": {"allowed": True, "message": "A message may be sent.", "rank": 12},
        "counts": {"messages": 3, "received": 2, "sent": 1, "autoSent": 0},
        "created": _AT,
        "lastReceived": _LATER,
        "lastSent": _AT,
        "waitingSince": _LATER,
        "isCurrent": True,
    },
    "PlainAnswer": {**_DONE},
    "AutoResponseAnswer": {**_DONE, **_ANSWERS_ITSELF},
    "AutoResponseChanged": {**_DONE, "updated": _ANSWERS_ITSELF},
    "UserAnswer": {
        **_DONE,
        "title": "The shop",
        "refId": "the-shop",
        "created": {"_seconds": 1_795_166_400, "_nanoseconds": 0, "utc": _AT},
        "activeSocialAccounts": ["facebook"],
        "displayNames": [
            {"platform": "facebook", "id": _ACCOUNT, "messagingActive": True, "linked": _AT}
        ],
        "messagingEnabled": True,
        "messagingConversationMonthlyCount": 12,
        "messagingConversationMonthlyLimit": 100,
        "monthZone": "Europe/Berlin",
        "isCurrent": True,
    },
    "ProfileAnswer": {**_DONE, **_SHOP},
    "ProfilesAnswer": {**_DONE, "profiles": [_SHOP], "count": 1},
    "DeletedAnswer": {**_DONE, "refId": "the-shop"},
    "AccountAnswer": {**_DONE, "platform": "facebook", "accountId": _ACCOUNT, "linked": True},
    "Subscribed": {
        **_DONE,
        "action": "messages",
        "url": "https://example.com/hooks",
        "refId": "the-shop",
        "id": _HOOK,
        "secret": "whsec_shown-once",
    },
    "Unsubscribed": {**_DONE, "action": "messages"},
    "Webhooks": {
        **_DONE,
        "messages": "https://example.com/hooks",
        "messagesUpdated": _AT,
        "webhooks": [
            {
                "id": _HOOK,
                "action": "messages",
                "url": "https://example.com/hooks",
                "created": _AT,
                "updated": _AT,
            }
        ],
    },
    "Replays": {**_DONE, "replays": [_REPLAY]},
}


def put_examples(document: dict[str, Any]) -> None:
    """Into each answer in JSON that has none of its own."""
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name in EXAMPLES:
                    content.setdefault("example", EXAMPLES[name])
