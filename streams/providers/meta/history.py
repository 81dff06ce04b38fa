"""Meta's Conversations API: conversations, then the 20 newest messages of each.

`GET /{page}/conversations?platform=`, then `GET /{conversation}?fields=messages{...}`. Where the
expansion is refused or leaves a message bare, each message is asked for by itself, as Meta's page
shows it.
"""

from collections.abc import AsyncIterator
from urllib.parse import quote

from schemas.data import Attachment, AttachmentType, Person
from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.history import MESSAGES_PER_CONVERSATION, instant
from streams.providers.protocol import (
    ErrorClass,
    HistoryMessage,
    HistoryPage,
    HistoryStopped,
    LinkedAccount,
)
from streams.providers.reading import Reader

SECONDS_BETWEEN_CALLS = 0.5
"""Meta allows 2 calls a second per account to the Conversations API."""

# No field beyond those both platforms know: an unknown one is an error of the whole call.
_FIELDS = "id,created_time,from,to,message,attachments"
_DATA_KINDS: dict[str, AttachmentType] = {"image_data": "image", "video_data": "video"}


async def pages(
    reader: Reader, root: str, sender: str, account: LinkedAccount
) -> AsyncIterator[HistoryPage]:
    """One page per conversation. Raises HistoryStopped."""
    platform = "instagram" if account.platform == "instagram" else "messenger"
    params = {"platform": platform, "fields": "id,updated_time,participants", "limit": "50"}
    while True:
        listing = await reader.get(f"{root}/{sender}/conversations", params)
        for conversation in answers.objects(listing.get("data")):
            conversation_id = answers.text(conversation.get("id"))
            if conversation_id is not None:
                yield await _conversation(reader, root, account, conversation_id, conversation)
        # `paging.next` is an address with the token in it: the cursor alone is used.
        after = answers.dig(listing, "paging", "cursors", "after")
        if answers.dig(listing, "paging", "next") is None or not isinstance(after, str):
            return
        params = {**params, "after": after}


async def _conversation(
    reader: Reader, root: str, account: LinkedAccount, conversation_id: str, conversation: Json
) -> HistoryPage:
    people = {
        person_id: Person(
            name=answers.text(p.get("name")), username=answers.text(p.get("username"))
        )
        for p in answers.objects(answers.dig(conversation, "participants", "data"))
        if (person_id := answers.text(p.get("id"))) is not None
    }
    others = [person for person in people if person != account.account_id]
    messages: list[HistoryMessage] = []
    skipped = 0
    for item in await _items(reader, root, conversation_id):
        message = read_message(item, account.account_id, conversation_id, others, people)
        if message is None:
            skipped += 1
        else:
            messages.append(message)
    return HistoryPage(tuple(messages), frozenset({conversation_id}), skipped)


async def _items(reader: Reader, root: str, conversation_id: str) -> list[Json]:
    """The newest messages with their fields; those that can't be had are left out."""
    address = f"{root}/{quote(conversation_id, safe='')}"
    newest = f"messages.limit({MESSAGES_PER_CONVERSATION})"
    try:
        found = await reader.get(address, {"fields": f"{newest}{{{_FIELDS}}}"})
    except HistoryStopped as stopped:
        if stopped.error.error_class is not ErrorClass.BAD_REQUEST:
            raise
        found = await reader.get(address, {"fields": "messages"})
    items = list(answers.objects(answers.dig(found, "messages", "data")))[
        :MESSAGES_PER_CONVERSATION
    ]
    for index, item in enumerate(items):
        message_id = answers.text(item.get("id"))
        if "from" in item or message_id is None:
            continue
        try:
            details = await reader.get(f"{root}/{quote(message_id, safe='')}", {"fields": _FIELDS})
        except HistoryStopped as stopped:
            # Ids beyond the 20 newest answer as if deleted: that one is not to be had.
            if stopped.error.error_class is not ErrorClass.BAD_REQUEST:
                raise
            continue
        items[index] = {**item, **details}
    return items


def read_message(
    item: Json,
    account_id: str,
    conversation_id: str,
    others: list[str],
    people: dict[str, Person],
) -> HistoryMessage | None:
    """None where the item does not say what it is, when, or between whom."""
    message_id = answers.text(item.get("id"))
    sender = answers.text(answers.dig(item, "from", "id"))
    at = instant(item.get("created_time"))
    if message_id is None or sender is None or at is None:
        return None
    by_account = sender == account_id
    recipients = [
        answers.text(to.get("id")) for to in answers.objects(answers.dig(item, "to", "data"))
    ]
    correspondent = next((r for r in recipients if r), None) if by_account else sender
    if correspondent is None and len(others) == 1:
        correspondent = others[0]
    if correspondent is None or correspondent == account_id:
        return None
    return HistoryMessage(
        account_id=account_id,
        correspondent_id=correspondent,
        message_id=message_id,
        by="account" if by_account else "correspondent",
        at=at,
        text=answers.text(item.get("message")),
        attachments=tuple(
            _attachment(a) for a in answers.objects(answers.dig(item, "attachments", "data"))
        ),
        external_conversation_id=conversation_id,
        correspondent=people.get(correspondent),
    )


def _attachment(item: Json) -> Attachment:
    mime_type = answers.text(item.get("mime_type")) or "unknown"
    kind: AttachmentType = "other"
    url = answers.text(item.get("file_url"))
    if url is not None:
        kind = "audio" if mime_type.startswith("audio/") else "file"
    for key, its_kind in _DATA_KINDS.items():
        if key in item:
            kind, url = its_kind, answers.text(answers.dig(item, key, "url"))
    return Attachment(
        type=kind,
        platform_type=mime_type,
        url=url,
        title=answers.text(item.get("name")),
        id=answers.text(item.get("id")),
    )
