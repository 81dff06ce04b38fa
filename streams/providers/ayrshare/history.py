"""`GET /messages/{network}`: all conversations of the account at once; on X in pages."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

from schemas.base import Party
from schemas.data import Attachment, AttachmentType, Person
from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.history import MESSAGES_PER_CONVERSATION, instant
from streams.providers.protocol import HistoryMessage, HistoryPage, LinkedAccount
from streams.providers.reading import Reader

SHARE_OF_CALLS = 0.8
"""Of a profile's 300 calls in 5 minutes; sends need the rest."""
_PAGE = "100"
_TYPES: dict[str, AttachmentType] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "ig_reel": "reel",
    "reel": "reel",
    "share": "share",
    "story_mention": "story_mention",
    "sticker": "sticker",
}


async def pages(
    reader: Reader, address: str, account: LinkedAccount, cursor: str | None = None
) -> AsyncIterator[HistoryPage]:
    """`status` active, then archived: an archived conversation has a history too.

    The cursor is the status, and on X Ayrshare's own cursor after it. Raises HistoryStopped.
    """
    begun, _, after = (cursor or "active").partition(" ")
    for status in ("active", "archived") if begun == "active" else ("archived",):
        params = {"status": status}
        if account.platform == "x":  # cursors are X's only; the others answer whole
            params["limit"] = _PAGE
        while True:
            page = await reader.get(address, params | ({"next": after} if after else {}))
            following = _following(page, account, after)
            place = f"{status} {following}" if following else "archived"
            yield _read_page(page, account, place)
            after = following
            if not following:
                break


def _following(page: Json, account: LinkedAccount, after: str) -> str:
    """Ayrshare's cursor of the next page; empty after the last."""
    found = answers.text(answers.dig(page, "meta", "pagination", "next"))
    return "" if account.platform != "x" or found is None or found == after else found


def _read_page(page: Json, account: LinkedAccount, cursor: str) -> HistoryPage:
    read = [read_message(item, account) for item in answers.objects(page.get("messages"))]
    found = [message for message in read if message is not None]
    messages = [m for m in found if account.account_id in {m.account_id, ""}]
    foreign = len(found) - len(messages)
    if account.platform != "x":
        messages = list(_newest(messages))
    conversations = frozenset(
        m.external_conversation_id for m in messages if m.external_conversation_id is not None
    )
    return HistoryPage(tuple(messages), conversations, read.count(None), foreign, cursor)


def _newest(messages: list[HistoryMessage]) -> Iterator[HistoryMessage]:
    """At most the 20 newest of each conversation, newest first."""
    taken: Counter[str] = Counter()
    for message in sorted(messages, key=lambda m: m.at, reverse=True):
        taken[message.correspondent_id] += 1
        if taken[message.correspondent_id] <= MESSAGES_PER_CONVERSATION:
            yield message


def read_message(item: Json, account: LinkedAccount) -> HistoryMessage | None:
    """None where the item does not say what it is, when, or between whom.

    Here `action` is the direction, which a webhook calls `type`.
    """
    message_id = answers.text(item.get("id"))
    sender = answers.text(item.get("senderId"))
    recipient = answers.text(item.get("recipientId"))
    at = instant(item.get("created"))
    action = item.get("action")
    if action not in ("sent", "received") or message_id is None or at is None:
        return None
    ours, theirs = (sender, recipient) if action == "sent" else (recipient, sender)
    ours = ours or account.account_id  # what a webhook of this message names as the account
    if not theirs or not ours or theirs == ours:
        return None
    by: Party = "account" if action == "sent" else "correspondent"
    details = item.get("recipientDetails" if action == "sent" else "senderDetails")
    return HistoryMessage(
        account_id=ours,
        correspondent_id=theirs,
        message_id=message_id,
        by=by,
        at=at,
        text=answers.text(item.get("message")),
        attachments=tuple(_attachment(a) for a in answers.objects(item.get("attachments"))),
        external_conversation_id=answers.text(item.get("conversationId")),
        correspondent=_person(details),
    )


def _attachment(item: Json) -> Attachment:
    kind = answers.text(item.get("type")) or "unknown"
    return Attachment(
        type=_TYPES.get(kind, "other"), platform_type=kind, url=answers.text(item.get("url"))
    )


def _person(details: Any) -> Person | None:
    if not isinstance(details, dict):
        return None
    picture = answers.text(details.get("profileImage")) or answers.text(details.get("picture"))
    return Person(
        name=answers.text(details.get("name")),
        username=answers.text(details.get("username")),
        picture_url=picture,
    )
