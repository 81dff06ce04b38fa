"""What the platforms post when something happens: bodies in their shapes, signed their way.

The one place of the stand-in that knows webhook shapes; sources are the platforms' webhook pages.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from streams.sandbox.config import Account, Config
from streams.sandbox.store import Message

Json = dict[str, Any]
Kind = Literal["message", "delivered", "read", "reaction"]


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook: where, and what."""

    path: str
    body: bytes
    headers: dict[str, str]


def render(config: Config, kind: Kind, message: Message, at_ms: int) -> Post | None:
    """None where the platform tells nothing of this kind."""
    body: Json | None
    match message.account.provider:
        case "ayrshare":
            body = _ayrshare(kind, message, at_ms)
        case "x":
            body = _x(kind, message, at_ms)
        case _:
            body = _meta(config, kind, message, at_ms)
    return None if body is None else _signed(config, message.account, body)


def _signed(config: Config, account: Account, body: Json) -> Post:
    # Meta sends and signs escaped unicode in lower case, which is what json.dumps makes.
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {"content-type": "application/json"}
    match account.provider:
        case "ayrshare":
            headers["x-authorization-timestamp"] = str(int(time.time()))
            headers["x-authorization-content-sha256"] = _hmac(config.ayrshare_secret, raw).hex()
            headers["x-ayrshare-delivery-id"] = str(body["hookId"])
            headers["x-ayrshare-delivery-attempt"] = "1"
            return Post("/webhooks/ayrshare", raw, headers)
        case "x":
            digest = base64.b64encode(_hmac(config.x_consumer_secret, raw)).decode()
            headers["x-twitter-webhooks-signature"] = f"sha256={digest}"
            return Post("/webhooks/x", raw, headers)
        case _:
            headers["x-hub-signature-256"] = f"sha256={_hmac(config.meta_app_secret, raw).hex()}"
            return Post("/webhooks/meta", raw, headers)


def _hmac(secret: str, raw: bytes) -> bytes:
    return hmac.new(secret.encode(), raw, hashlib.sha256).digest()


def _meta(config: Config, kind: Kind, message: Message, at_ms: int) -> Json | None:
    account, person = message.account, message.correspondent_id
    instagram = account.platform == "instagram"
    sender, recipient = person, account.account_id
    match kind:
        case "message":
            if message.by == "account":
                sender, recipient = recipient, sender
            content: Json = {"message": _meta_message(config, message)}
        case "delivered" if instagram:
            return None  # Instagram tells of reads only
        case "delivered":
            content = {"delivery": {"mids": [message.message_id], "watermark": message.at_ms}}
        case "read" if instagram:
            content = {"read": {"mid": message.message_id}}
        case "read":
            content = {"read": {"watermark": message.at_ms}}
        case "reaction":
            reaction = {"action": "react", "reaction": "love", "emoji": "❤️"}
            content = {"reaction": {"mid": message.message_id, **reaction}}
    item = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at_ms, **content}
    entry = {"id": account.account_id, "time": at_ms, "messaging": [item]}
    return {"object": "instagram" if instagram else "page", "entry": [entry]}


def _meta_message(config: Config, message: Message) -> Json:
    content: Json = {"mid": message.message_id}
    if message.text is not None:
        content["text"] = message.text
    if message.attachments:
        content["attachments"] = [
            {"type": item["type"], "payload": {"url": item["url"]}} for item in message.attachments
        ]
    if message.by == "account":
        content["is_echo"] = True
        if message.account.platform == "facebook":  # Instagram's echoes carry neither
            content["app_id"] = int(config.meta_app_id)
            if message.metadata is not None:
                content["metadata"] = message.metadata
    return content


def _ayrshare(kind: Kind, message: Message, at_ms: int) -> Json | None:
    """The action `messages`, which tells of X too under Ayrshare's Enterprise option. Its other
    form for X (`accountActivity`) does not say which side is the account's.
    """
    account, person = message.account, message.correspondent_id
    by_account = kind == "message" and message.by == "account"
    sender, recipient = (account.account_id, person) if by_account else (person, account.account_id)
    content: Json
    match kind:
        case "message":
            content = {
                "subAction": "messageCreated",
                "type": "sent" if by_account else "received",
                "id": message.message_id,
                "attachments": list(message.attachments),
            }
            if message.text is not None:
                content["message"] = message.text
        case "read":
            content = {"subAction": "messageRead"}
        case "reaction" if account.platform != "x":
            content = {
                "subAction": "reactionCreated",
                "type": "received",
                "id": message.message_id,
                "reactions": {person: "❤️"},
            }
        case _:
            return None
    return {
        "action": "messages",
        **content,
        "platform": "twitter" if account.platform == "x" else account.platform,
        "conversationId": message.conversation_id,
        "senderId": sender,
        "recipientId": recipient,
        "created": _iso(at_ms, "seconds"),
        "refId": account.reference,
        "hookId": _hook_id(kind, message),
        "code": 200,
    }


def _x(kind: Kind, message: Message, at_ms: int) -> Json | None:
    account, person = message.account.account_id, message.correspondent_id
    sender, recipient = _ends(message)
    users = {i: {"id": i, "name": f"User {i}", "screen_name": f"u{i}"} for i in (account, person)}
    body: Json = {"for_user_id": account}
    match kind:
        case "message":
            create: Json = {
                "target": {"recipient_id": recipient},
                "sender_id": sender,
                "message_data": {"text": message.text or "", "entities": {"urls": []}},
            }
            if message.by == "account":
                create["source_app_id"] = "17"
                body["apps"] = {"17": {"id": "17", "name": "dmstream", "url": "https://x.com"}}
            event = {
                "type": "message_create",
                "id": message.message_id,
                "created_timestamp": str(message.at_ms),
                "message_create": create,
            }
            return {**body, "direct_message_events": [event], "users": users}
        case "read":
            event = {
                "created_timestamp": str(at_ms),
                "sender_id": person,
                "target": {"recipient_id": account},
                "last_read_event_id": message.message_id,
            }
            return {**body, "direct_message_mark_read_events": [event], "users": users}
        case _:
            return None  # X tells neither deliveries nor reactions


def _ends(message: Message) -> tuple[str, str]:
    account, person = message.account.account_id, message.correspondent_id
    return (account, person) if message.by == "account" else (person, account)


def _hook_id(kind: Kind, message: Message) -> str:
    return hashlib.sha256(f"{kind}:{message.message_id}".encode()).hexdigest()[:20]


def _iso(at_ms: int, timespec: str) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")
