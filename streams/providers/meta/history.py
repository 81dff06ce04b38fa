"""Meta's Conversations API: conversations, then the 20 newest messages of each.

`GET /{page}/conversations?platform=`, then `GET /{conversation}?fields=messages{...}`. Where the
expansion is refused or leaves a message bare, each message is asked for by itself, as Meta's page
shows it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from schemas.data import Person
from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.history import MESSAGES_PER_CONVERSATION, instant
from streams.providers.meta.items import read_message
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
PER_CENT_OF_CALLS = 80.0
"""Of what `X-App-Usage` counts; sends need the rest."""
_CLOCKS_APART = timedelta(minutes=5)

# No field beyond those both platforms know: an unknown one is an error of the whole call.
_FIELDS = "id,created_time,from,to,message,attachments"


@dataclass(frozen=True, slots=True)
class Source:
    """Whose conversations are read, and from where."""

    reader: Reader
    root: str
    sender: str
    account: LinkedAccount

    async def listing(self, after: str) -> tuple[list[Json], str]:
        """A page of conversations, and where the next begins; empty for the first and after the
        last."""
        platform = "instagram" if self.account.platform == "instagram" else "messenger"
        params = {"platform": platform, "fields": "id,updated_time,participants", "limit": "50"}
        address = f"{self.root}/{self.sender}/conversations"
        page = await self.reader.get(address, params | ({"after": after} if after else {}))
        # `paging.next` is an address with the token in it: the cursor alone is used.
        following = answers.dig(page, "paging", "cursors", "after")
        is_last = answers.dig(page, "paging", "next") is None or not isinstance(following, str)
        return list(answers.objects(page.get("data"))), "" if is_last else following


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor: when the reading began (ms), and Meta's own cursor of the page of conversations
    that is being read."""

    began: int
    after: str = ""

    def __str__(self) -> str:
        return f"{self.began} {self.after}"


async def pages(source: Source, cursor: str | None, now: datetime) -> AsyncIterator[HistoryPage]:
    """One page per conversation. Raises HistoryStopped."""
    place = _place(cursor, now)
    while True:
        conversations, following = await source.listing(place.after)
        after_these = Place(place.began, following) if following else place
        for number, conversation in enumerate(conversations, start=1):
            so_far = after_these if number == len(conversations) else place
            page = await _conversation(source, conversation, so_far)
            if page is not None:
                yield page
        if not following:
            break
        place = after_these
    if place.after:
        async for page in _moved(source, place):
            yield page


async def _moved(source: Source, place: Place) -> AsyncIterator[HistoryPage]:
    """Conversations come by their newest message: one in which somebody wrote meanwhile has moved
    to the pages that were read already. So their beginning is read once more."""
    after, found = "", True
    while found:
        conversations, after = await source.listing(after)
        moved = [one for one in conversations if _updated_at(one) >= place.began]
        for conversation in moved:
            page = await _conversation(source, conversation, place)
            if page is not None:
                yield page
        found = bool(moved) and after != ""


def _place(cursor: str | None, now: datetime) -> Place:
    began, _, after = (cursor or "").partition(" ")
    if began.isdecimal():
        return Place(int(began), after)
    return Place(round((now - _CLOCKS_APART).timestamp() * 1000))


def _updated_at(conversation: Json) -> int:
    at = instant(conversation.get("updated_time"))
    return round((at or datetime.fromtimestamp(0, UTC)).timestamp() * 1000)


async def _conversation(source: Source, conversation: Json, so_far: Place) -> HistoryPage | None:
    conversation_id = answers.text(conversation.get("id"))
    if conversation_id is None:
        return None
    account_id = source.account.account_id
    people = {
        person_id: Person(
            name=answers.text(p.get("name")), username=answers.text(p.get("username"))
        )
        for p in answers.objects(answers.dig(conversation, "participants", "data"))
        if (person_id := answers.text(p.get("id"))) is not None
    }
    if people and account_id not in people:
        return HistoryPage((), foreign=1, cursor=str(so_far))
    others = [person for person in people if person != account_id]
    messages: list[HistoryMessage] = []
    skipped = 0
    items = await _items(source, conversation_id)
    if items is None:
        return HistoryPage((), skipped=1, cursor=str(so_far))
    for item in items:
        message = read_message(item, account_id, conversation_id, others, people)
        if message is None:
            skipped += 1
        else:
            messages.append(message)
    return HistoryPage(tuple(messages), frozenset({conversation_id}), skipped, cursor=str(so_far))


async def _items(source: Source, conversation_id: str) -> list[Json] | None:
    """The newest messages with their fields; those that can't be had are left out. None where the
    conversation itself can't be had: one that was deleted must not end the reading of all others.
    """
    reader = source.reader
    address = f"{source.root}/{quote(conversation_id, safe='')}"
    newest = f"messages.limit({MESSAGES_PER_CONVERSATION})"
    found = await _unless_refused(reader, address, f"{newest}{{{_FIELDS}}}")
    if found is None:
        found = await _unless_refused(reader, address, "messages")
    if found is None:
        return None
    items = list(answers.objects(answers.dig(found, "messages", "data")))[
        :MESSAGES_PER_CONVERSATION
    ]
    for index, item in enumerate(items):
        message_id = answers.text(item.get("id"))
        if "from" in item or message_id is None:
            continue
        # Ids beyond the 20 newest answer as if deleted: that one is not to be had.
        details = await _unless_refused(
            reader, f"{source.root}/{quote(message_id, safe='')}", _FIELDS
        )
        if details is not None:
            items[index] = {**item, **details}
    return items


async def _unless_refused(reader: Reader, address: str, fields: str) -> Json | None:
    try:
        return await reader.get(address, {"fields": fields})
    except HistoryStopped as stopped:
        if stopped.error.error_class is not ErrorClass.BAD_REQUEST:
            raise
        return None
