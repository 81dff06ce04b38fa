"""`GET /2/dm_events`: the direct messages of the last 30 days, newest first, 100 a page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from schemas.data import Attachment, AttachmentType, Person
from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.history import instant
from streams.providers.protocol import HistoryMessage, HistoryPage, LinkedAccount
from streams.providers.reading import Reader

_PARAMETERS = {
    "max_results": "100",
    "event_types": "MessageCreate",
    "dm_event.fields": "id,text,event_type,created_at,dm_conversation_id,sender_id,attachments",
    "expansions": "sender_id,attachments.media_keys",
    "user.fields": "name,username,profile_image_url",
    "media.fields": "type,url,media_key",
}
_TYPES: dict[str, AttachmentType] = {
    "photo": "image",
    "video": "video",
    "animated_gif": "video",
}
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_FIRST_SNOWFLAKE = 1 << 40  # smaller ids were given out before X's ids held a time


async def pages(
    reader: Reader, address: str, account: LinkedAccount, cursor: str | None = None
) -> AsyncIterator[HistoryPage]:
    """Talks of more than two are passed over and counted. New messages come before the first page,
    so a page's token never misses one. Raises HistoryStopped.
    """
    params = _PARAMETERS | ({"pagination_token": cursor} if cursor else {})
    while True:
        page = await reader.get(address, params)
        following = answers.text(answers.dig(page, "meta", "next_token"))
        more = following is not None and following != params.get("pagination_token")
        yield _read_page(page, account, following if more else params.get("pagination_token"))
        if following is None or not more:
            return
        params = {**params, "pagination_token": following}


def _read_page(page: Json, account: LinkedAccount, cursor: str | None) -> HistoryPage:
    people = {
        user_id: Person(
            name=answers.text(user.get("name")),
            username=answers.text(user.get("username")),
            picture_url=answers.text(user.get("profile_image_url")),
        )
        for user in answers.objects(answers.dig(page, "includes", "users"))
        if (user_id := answers.text(user.get("id"))) is not None
    }
    media = {
        key: item
        for item in answers.objects(answers.dig(page, "includes", "media"))
        if (key := answers.text(item.get("media_key"))) is not None
    }
    items = list(answers.objects(page.get("data")))
    messages = tuple(
        message
        for item in items
        if (message := read_message(item, account, people, media)) is not None
    )
    conversations = frozenset(
        m.external_conversation_id for m in messages if m.external_conversation_id is not None
    )
    foreign = sum(_is_foreign(item, account) for item in items)
    skipped = len(items) - len(messages) - foreign
    return HistoryPage(messages, conversations, skipped, foreign, cursor)


def _is_foreign(item: Json, account: LinkedAccount) -> bool:
    """A talk between two others: the token is another user's."""
    pair = (answers.text(item.get("dm_conversation_id")) or "").split("-")
    return len(pair) == 2 and account.account_id not in pair  # noqa: PLR2004


def read_message(
    item: Json, account: LinkedAccount, people: dict[str, Person], media: dict[str, Json]
) -> HistoryMessage | None:
    """None where it is no message between the account and one other."""
    message_id = answers.text(item.get("id"))
    sender = answers.text(item.get("sender_id"))
    conversation_id = answers.text(item.get("dm_conversation_id"))
    if item.get("event_type", "MessageCreate") != "MessageCreate":
        return None
    if message_id is None or sender is None or conversation_id is None:
        return None
    # One-to-one talks are `{smaller}-{larger}`; a group's id is one number.
    pair = conversation_id.split("-")
    if len(pair) != 2 or account.account_id not in pair:  # noqa: PLR2004
        return None
    correspondent = pair[1] if pair[0] == account.account_id else pair[0]
    at = _time(message_id, item.get("created_at"))
    if at is None or correspondent == account.account_id:
        return None
    return HistoryMessage(
        account_id=account.account_id,
        correspondent_id=correspondent,
        message_id=message_id,
        by="account" if sender == account.account_id else "correspondent",
        at=at,
        text=answers.text(item.get("text")),
        attachments=_attachments(item.get("attachments"), media),
        external_conversation_id=conversation_id,
        correspondent=people.get(correspondent),
    )


def _time(message_id: str, created_at: Any) -> datetime | None:
    """The id holds the milliseconds that `created_at` cuts off; webhooks tell the same ones."""
    number = answers.integer(message_id) or 0
    if number >= _FIRST_SNOWFLAKE:
        milliseconds = (number >> 22) + _SNOWFLAKE_EPOCH_MS
        return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
            microsecond=milliseconds % 1000 * 1000
        )
    return instant(created_at)


def _attachments(value: Any, media: dict[str, Json]) -> tuple[Attachment, ...]:
    keys = answers.dig(value, "media_keys")
    found = []
    for key in keys if isinstance(keys, list) else ():
        item = media.get(str(key), {})
        kind = answers.text(item.get("type")) or "media"
        found.append(
            Attachment(
                type=_TYPES.get(kind, "other"),
                platform_type=kind,
                url=answers.text(item.get("url")),
                id=str(key).rpartition("_")[2],  # `3_<media id>`: webhooks name the id alone
            )
        )
    return tuple(found)
