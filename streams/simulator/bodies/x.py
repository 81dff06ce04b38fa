"""X: Account Activity (AAA) and its successor X Activity (XAA).

A message has one form in both, in another wrapping. AAA alone has printed bodies for typing and
read receipts.
"""

from typing import Any

import orjson

from streams.simulator.happenings import Happening, Media, Receipt, Typed, Written
from streams.simulator.instants import with_milliseconds
from streams.simulator.world import Account, Conversation, Correspondent

_CLIENT = "https://shop.example.com/inbox"


def account_activity(happening: Happening) -> bytes:
    conversation = happening.conversation
    account, person = conversation.account, conversation.correspondent
    told: dict[str, Any] = {"for_user_id": account.account_id}
    match happening:
        case Written():
            told["direct_message_events"] = [_message(happening)]
            if happening.app_id:
                told["apps"] = {
                    happening.app_id: {"id": happening.app_id, "name": "Inbox", "url": _CLIENT}
                }
        case Typed():
            told["direct_message_indicate_typing_events"] = [_signal(happening)]
        case Receipt():
            told["direct_message_mark_read_events"] = [
                _signal(happening) | {"last_read_event_id": happening.message_ids[-1]}
            ]
        case _:
            raise TypeError(f"X has no body for {type(happening).__name__}")
    told["users"] = {person.id: _person(person), account.account_id: _account(account)}
    return orjson.dumps(told)


def activity(happening: Happening, nonce: int) -> bytes:
    """`dm.received` and `dm.sent`. The account stands in the filter; users sit under `.data`."""
    if not isinstance(happening, Written):
        raise TypeError(f"X Activity has no printed body for {type(happening).__name__}")
    conversation = happening.conversation
    account, person = conversation.account, conversation.correspondent
    received = happening.by == "correspondent"
    return orjson.dumps(
        {
            "data": {
                # A signed number of 64 bits, in decimal.
                "event_uuid": str((nonce & (2**64 - 1)) - 2**63),
                "filter": {"user_id": account.account_id},
                "event_type": "dm.received" if received else "dm.sent",
                "tag": "dm-inbound" if received else "dm-outbound",
                "payload": {
                    "direct_message_events": [_message(happening)],
                    "users": {
                        person.id: {"data": _v2_user(person.id, person.name, person.username)},
                        account.account_id: {
                            "data": _v2_user(account.account_id, account.name, account.username)
                        },
                    },
                },
            }
        }
    )


def _message(happening: Written) -> dict[str, Any]:
    sender, recipient = _sides(happening.conversation, by_account=happening.by == "account")
    create: dict[str, Any] = {"target": {"recipient_id": recipient}, "sender_id": sender}
    if happening.app_id:
        create["source_app_id"] = happening.app_id
    data: dict[str, Any] = {
        "text": happening.text or "",
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
    }
    if happening.media:
        data["attachment"] = {"type": "media", "media": _media(happening.media[0])}
    create["message_data"] = data
    return {
        "type": "message_create",
        "id": happening.message_id,
        "created_timestamp": str(happening.at),
        "message_create": create,
    }


def _signal(happening: Typed | Receipt) -> dict[str, Any]:
    by_account = isinstance(happening, Typed) and happening.by == "account"
    sender, recipient = _sides(happening.conversation, by_account=by_account)
    return {
        "created_timestamp": str(happening.at),
        "sender_id": sender,
        "target": {"recipient_id": recipient},
    }


def _sides(conversation: Conversation, *, by_account: bool) -> tuple[str, str]:
    """(sender, recipient)."""
    person, account = conversation.correspondent.id, conversation.account.account_id
    return (account, person) if by_account else (person, account)


def _media(media: Media) -> dict[str, Any]:
    """`id` is the one number in these bodies, and beyond 2^53: readers take `id_str`."""
    told: dict[str, Any] = {
        "id": int(media.id),
        "id_str": media.id,
        "media_url": media.url,
        "media_url_https": media.url,
        "url": f"https://t.co/{media.id[:10]}",
        "type": media.type,
        "sizes": {"small": {"w": 340, "h": 340, "resize": "fit"}},
    }
    if media.type == "animated_gif":
        variant = {"bitrate": 0, "content_type": "video/mp4", "url": media.url}
        told["video_info"] = {"aspect_ratio": [1, 1], "variants": [variant]}
    return told


def _person(person: Correspondent) -> dict[str, Any]:
    return {
        "id": person.id,
        "created_timestamp": str(person.joined_ms),
        "name": person.name,
        "screen_name": person.username,
        "protected": False,
        "verified": False,
        "followers_count": person.joined_ms % 997,
        "friends_count": person.joined_ms % 499,
        "statuses_count": person.joined_ms % 4_999,
        "profile_image_url_https": person.picture_url,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.account_id,
        "created_timestamp": "1421116717416",
        "name": account.name,
        "screen_name": account.username,
        "protected": False,
        "verified": True,
        "followers_count": 2_211,
        "friends_count": 57,
        "statuses_count": 1_904,
        "profile_image_url_https": "https://pbs.twimg.com/profile_images/shop_normal.jpg",
    }


def _v2_user(id_: str, name: str, username: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "username": username,
        "created_at": with_milliseconds(1_700_000_000_000),
        "protected": False,
        "verified": False,
        "public_metrics": {
            "followers_count": 12,
            "followers_count_str": "12",
            "following_count": 30,
            "following_count_str": "30",
        },
    }
