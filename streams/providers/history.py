"""History's messages as canonical events: the ids that their live twins have, marked backfilled.

A message seen both ways is one message, because an event's id is a pure function of provider,
account and platform message id (`schemas.ids`), and nothing else of either way goes into it.
"""

from datetime import UTC, datetime

from schemas import data
from schemas.base import Platform, Provider, conversation_id, to_milliseconds
from schemas.events import MessageReceived, MessageSent
from schemas.ids import event_id
from streams.providers.protocol import HistoryMessage

MESSAGES_PER_CONVERSATION = 20
"""Facebook and Instagram: only the 20 newest of each conversation are handed out (Meta's page
on the Conversations API; Ayrshare promises the same number)."""


def to_event(
    message: HistoryMessage,
    *,
    provider: Provider,
    platform: Platform,
    profileid: str,
    fetched_at: datetime,
    correlationid: str | None = None,
) -> MessageReceived | MessageSent:
    """One backfilled message as the event it would have been, had we listened then."""
    attributes = {
        "id": event_id(provider, message.account_id, "message", message.message_id),
        "source": f"/dmstream/{provider}/{message.account_id}",
        "time": message.at,
        "subject": conversation_id(platform, message.account_id, message.correspondent_id),
        "profileid": profileid,
        "platform": platform,
        "receivedat": to_milliseconds(fetched_at),
        "correlationid": correlationid,
        "data": data.Message(
            provider=provider,
            account_id=message.account_id,
            correspondent_id=message.correspondent_id,
            external_conversation_id=message.external_conversation_id,
            backfilled=True,
            message_id=message.message_id,
            text=message.text,
            attachments=message.attachments,
            reply_to_message_id=message.reply_to_message_id,
            correspondent=message.correspondent,
            is_unreadable=message.is_unreadable,
        ),
    }
    if message.by == "correspondent":
        return MessageReceived.model_validate(attributes)
    return MessageSent.model_validate(attributes)


def instant(value: object) -> datetime | None:
    """A platform's ISO time (`...Z`, `+0000`, with or without milliseconds), cut to whole ms."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return to_milliseconds(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
