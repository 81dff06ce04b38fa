"""A command as the messages that Meta's Send API takes: pure.

A message of Meta's holds a text or an attachment, never both, so a command with text and media
is several messages. Two rules keep "one command, one outcome" true all the same:

- What can fail goes first: media before text. Most refusals are about media (too large, not
  fetchable), and then nothing has been delivered yet.
- What identifies goes last: only the last message carries `metadata = "dm:" + command_id`. Its
  echo therefore proves that the whole command went out.

After an error in the middle, a later attempt goes on with the first message not yet kept
(`OutboundSend.delivered`), so none is sent twice.
"""

from typing import Any
from urllib.parse import urlsplit

from streams.providers.protocol import OutboundSend

Body = dict[str, Any]

METADATA_PREFIX = "dm:"
IMAGES_IN_ONE_MESSAGE = 10  # Instagram only, by Meta's send page

_TYPES = {
    "image": ("png", "jpg", "jpeg", "gif", "webp", "heic"),
    "video": ("mp4", "ogg", "ogv", "avi", "mov", "webm"),
    "audio": ("aac", "m4a", "wav", "mp3"),
}
_TYPE_OF = {ending: kind for kind, endings in _TYPES.items() for ending in endings}


def media_type(url: str) -> str:
    """`image`, `video`, `audio`, else `file`, by the ending of the address's path."""
    path = urlsplit(url).path
    return _TYPE_OF.get(path.rpartition(".")[2].lower(), "file")


def messages(send: OutboundSend) -> list[Body]:
    """The bodies to post, in order. Empty where the command has neither text nor media."""
    contents = _media(send)
    if send.text:
        contents.append({"text": send.text})
    if contents and send.platform == "facebook":
        # Instagram's echoes carry no metadata; there a send is matched by its message id.
        contents[-1]["metadata"] = METADATA_PREFIX + send.command_id
    kind: Body = (
        {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        if send.human_agent
        else {"messaging_type": "RESPONSE"}
    )
    return [{"recipient": {"id": send.recipient_id}, **kind, "message": m} for m in contents]


def is_played(body: Body) -> bool:
    """Audio or video, for which Meta's limits are lower."""
    attachment = body["message"].get("attachment", {})
    return attachment.get("type") in {"audio", "video"}


def _media(send: OutboundSend) -> list[Body]:
    urls = send.media_urls
    grouped = (
        send.platform == "instagram"
        and len(urls) > 1
        and all(media_type(url) == "image" for url in urls)
    )
    if not grouped:
        return [{"attachment": _attachment(url)} for url in urls]
    size = IMAGES_IN_ONE_MESSAGE
    return [
        {"attachments": [_attachment(url) for url in urls[start : start + size]]}
        for start in range(0, len(urls), size)
    ]


def _attachment(url: str) -> Body:
    return {"type": media_type(url), "payload": {"url": url}}
