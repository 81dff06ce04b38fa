"""Items of Meta's Conversations API as messages. Pure."""

from schemas.data import Attachment, AttachmentType, Person
from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.history import instant
from streams.providers.protocol import HistoryMessage

_DATA_KINDS: dict[str, AttachmentType] = {"image_data": "image", "video_data": "video"}


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
