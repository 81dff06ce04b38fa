"""Attachments as Meta sends them (`{type, payload{...}}`) and as Ayrshare passes them on
(`{type, url}`)."""

from typing import Any

from schemas.data import Attachment, AttachmentType
from schemas.webhooks.common import JsonObject, as_object, at_path, child, children, label

TYPES: dict[str, AttachmentType] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "sticker": "sticker",
    "reel": "reel",
    "ig_reel": "reel",
    "post": "post",
    "ig_post": "post",
    "share": "share",
    "ig_story": "share",  # somebody's story passed on; a mention has a type of its own
    "story": "share",
    "story_mention": "story_mention",
    "template": "template",
    "location": "location",
    "fallback": "fallback",
    "ephemeral": "ephemeral",
    "unsupported_type": "unsupported",
}
"""Meta's words (Messenger webhooks, Instagram messaging webhooks, and a census of real Instagram
events for `ig_post`, `ig_story`, `template`, `ephemeral`). The rest is `other`."""

_IDS = ("sticker_id", "reel_video_id", "id", "booking_id", "attachment_id")


def attachments(message: JsonObject, where: str = "") -> tuple[Attachment, ...]:
    if not message.get("attachments"):
        return ()
    path = at_path(where, "attachments")
    return tuple(
        _attachment(one, f"{path}[{index}]")
        for index, one in enumerate(children(message, "attachments", where))
    )


def _attachment(value: Any, where: str) -> Attachment:
    one = as_object(value, where)
    payload = child(one, "payload", where) or {}
    platform_type = label(one, "type") or "other"
    kind = TYPES.get(platform_type.lower(), "other")
    if kind == "image" and payload.get("sticker_id") is not None:
        kind = "sticker"  # Messenger sent stickers as images until August 2026
    details = _product(payload) or payload
    return Attachment(
        type=kind,
        platform_type=platform_type,
        url=label(details, "url") or label(details, "image_url") or label(one, "url"),
        title=label(details, "title") or label(one, "title") or _coordinates(payload),
        id=next((found for key in _IDS if (found := label(details, key))), None),
    )


def _coordinates(payload: JsonObject) -> str | None:
    """`52.37,4.89`: of a location without a name (Messenger, old)."""
    place = payload.get("coordinates")
    if not isinstance(place, dict):
        return None
    latitude, longitude = label(place, "lat"), label(place, "long")
    return f"{latitude},{longitude}" if latitude and longitude else None


def _product(payload: JsonObject) -> JsonObject | None:
    """The first product of a shop's card: `payload.product.elements[0]`."""
    product = payload.get("product")
    elements = product.get("elements") if isinstance(product, dict) else None
    first = elements[0] if isinstance(elements, list) and elements else None
    return first if isinstance(first, dict) else None
