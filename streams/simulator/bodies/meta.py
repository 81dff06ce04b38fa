"""Meta: Messenger (`object: "page"`) and Instagram, from the documents and from captures.

One POST may hold many entries of many accounts. Text is escaped as Meta escapes it: every
character beyond ASCII as lower-case `\\u....`, and that form is what is signed.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from streams.simulator.happenings import (
    ControlMoved,
    Edited,
    Happening,
    Media,
    Pressed,
    Reacted,
    Receipt,
    Referred,
    Unknown,
    Unsent,
    Written,
)

_write = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def body(
    kind: Literal["page", "instagram"], happenings: Sequence[Happening], sent_at: int
) -> bytes:
    """Neighbours of one account share an entry; what came on standby stands beside the rest."""
    entries: list[dict[str, Any]] = []
    for happening in happenings:
        account_id = happening.conversation.account.account_id
        if not entries or entries[-1]["id"] != account_id:
            entries.append({"time": sent_at, "id": account_id})
        channel = "standby" if getattr(happening, "standby", False) else "messaging"
        entries[-1].setdefault(channel, []).append(item(happening))
    return _write({"object": kind, "entry": entries}).encode("ascii")


def item(happening: Happening) -> dict[str, Any]:
    """One of `messaging[]` or `standby[]`."""
    person = {"id": happening.conversation.correspondent.id}
    account = {"id": happening.conversation.account.account_id}
    echo = isinstance(happening, Written) and happening.by == "account"
    told: dict[str, Any] = {
        "sender": account if echo else person,
        "recipient": person if echo else account,
    }
    if not (isinstance(happening, Receipt) and happening.bare):
        told["timestamp"] = happening.at
    told.update(_BY_CLASS[type(happening)](happening))
    return told


def _written(happening: Written) -> dict[str, Any]:
    message: dict[str, Any] = {"mid": happening.message_id}
    if happening.unsupported:
        return {"message": message | {"is_unsupported": True}}
    if happening.text is not None:
        message["text"] = happening.text
    if happening.by == "account":
        message["is_echo"] = True
        if happening.app_id:
            message["app_id"] = _app_id(happening.app_id, happening.at)
    if happening.quick_reply:
        message["quick_reply"] = {"payload": happening.quick_reply}
    if happening.reply_to:
        message["reply_to"] = {"mid": happening.reply_to}
    elif happening.story:
        message["reply_to"] = {"story": {"url": happening.story.url, "id": happening.story.id}}
    if happening.media:
        message["attachments"] = [_attachment(media) for media in happening.media]
    return {"message": message}


def _attachment(media: Media) -> dict[str, Any]:
    """A reel's id is a number on Messenger and a string on Instagram."""
    payload: dict[str, Any] = {}
    if media.type == "ig_reel":
        payload = {"reel_video_id": media.id, "title": media.title}
    elif media.type == "reel":
        payload = {"reel_video_id": int(media.id), "title": media.title}
    elif media.type == "sticker":
        payload = {"sticker_id": int(media.id)}
    return {"type": media.type, "payload": payload | {"url": media.url}}


def _edited(happening: Edited) -> dict[str, Any]:
    told: dict[str, Any] = {"mid": happening.message_id, "text": happening.text}
    if happening.told_as == "number":
        told["num_edit"] = happening.number
    elif happening.told_as == "string":
        told["num_edit"] = str(happening.number)
    return {"message_edit": told}


def _unsent(happening: Unsent) -> dict[str, Any]:
    return {"message": {"mid": happening.message_id, "is_deleted": True}}


def _receipt(happening: Receipt) -> dict[str, Any]:
    if happening.what == "delivered":
        named = {"mids": list(happening.message_ids)} if happening.message_ids else {}
        return {"delivery": named | {"watermark": happening.watermark}}
    if happening.message_ids:
        return {"read": {"mid": happening.message_ids[0]}}
    return {"read": {"watermark": happening.watermark}}


def _reacted(happening: Reacted) -> dict[str, Any]:
    if not happening.added:
        return {"reaction": {"mid": happening.message_id, "action": "unreact"}}
    return {
        "reaction": {
            "mid": happening.message_id,
            "action": "react",
            "reaction": happening.name,
            "emoji": happening.emoji,
        }
    }


def _pressed(happening: Pressed) -> dict[str, Any]:
    return {
        "postback": {
            "mid": happening.message_id,
            "title": happening.title,
            "payload": happening.payload,
        }
    }


def _referred(happening: Referred) -> dict[str, Any]:
    told = {"ref": happening.ref, "source": happening.source, "type": "OPEN_THREAD"}
    if happening.ad_id:
        told["ad_id"] = happening.ad_id
    return {"referral": told}


def _control(happening: ControlMoved) -> dict[str, Any]:
    owner = _app_id(happening.owner, happening.at)
    if happening.what == "requested":
        return {"request_thread_control": {"requested_owner_app_id": owner, "metadata": None}}
    previous = _app_id(happening.previous, happening.at)
    # The inbox takes a thread; control that comes back is passed to us.
    key = "take_thread_control" if happening.what == "lost" else "pass_thread_control"
    return {
        key: {
            "previous_owner_app_id": previous,
            "new_owner_app_id": owner,
            "metadata": "from the inbox",
        }
    }


def _unknown(happening: Unknown) -> dict[str, Any]:
    return {happening.key: happening.value}


def _app_id(app_id: str, at: int) -> int | str:
    """The documents say string, their samples have numbers: two of three are numbers here."""
    return app_id if at % 3 == 0 else int(app_id)


_BY_CLASS: dict[type[Happening], Callable[..., dict[str, Any]]] = {
    Written: _written,
    Edited: _edited,
    Unsent: _unsent,
    Receipt: _receipt,
    Reacted: _reacted,
    Pressed: _pressed,
    Referred: _referred,
    ControlMoved: _control,
    Unknown: _unknown,
}
