"""History read from what the platforms' pages show, by a reader that answers from a table."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from schemas.events import MessageReceived, MessageSent
from schemas.ids import event_id
from streams.providers.ayrshare import history as ayrshare_history
from streams.providers.history import instant, to_event
from streams.providers.meta import history as meta_history
from streams.providers.meta import items as meta_items
from streams.providers.protocol import (
    ErrorClass,
    HistoryMessage,
    HistoryPage,
    HistoryStopped,
    LinkedAccount,
    SendError,
)
from streams.providers.reading import Reader
from streams.providers.x import history as x_history

PAGE, IG, PERSON = "233726951928054", "17841449720273509", "5018811078134037"


MESSENGER = LinkedAccount("facebook", PAGE)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Table:
    """Answers by the last part of the address, one answer after another."""

    def __init__(self, **answers: list[Any]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def get(self, url: str, params: dict[str, str]) -> Any:
        last = url.rpartition("/")[2]
        self.asked.append((last, params))
        answer = self._answers[last].pop(0)
        if isinstance(answer, SendError):
            raise HistoryStopped(answer)
        return answer

    @property
    def reader(self) -> Reader:
        return cast("Reader", self)


def read(pages: AsyncIterator[HistoryPage]) -> list[HistoryPage]:
    async def run() -> list[HistoryPage]:
        return [page async for page in pages]

    return asyncio.run(run())


def meta_pages(table: Table, cursor: str | None = None) -> AsyncIterator[HistoryPage]:
    source = meta_history.Source(table.reader, "https://g/v1", PAGE, MESSENGER)
    return meta_history.pages(source, cursor, NOW)


def a_meta_message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"m_{number}",
        "created_time": f"2026-04-05T05:27:{number:02}+0000",
        "from": {"id": PERSON, "name": "Ana", "email": "x@facebook.com"},
        "to": {"data": [{"id": PAGE, "name": "Shop"}]},
        "message": f"text {number}",
        **more,
    }


CONVERSATION = {
    "id": "t_1",
    "updated_time": "2026-04-05T05:27:08+0000",
    "participants": {"data": [{"id": PERSON, "name": "Ana"}, {"id": PAGE, "name": "Shop"}]},
}


def test_meta_takes_twenty_of_a_conversation_even_where_more_come() -> None:
    table = Table(
        conversations=[{"data": [CONVERSATION]}],
        t_1=[{"messages": {"data": [a_meta_message(n) for n in range(30)]}}],
    )
    (page,) = read(meta_pages(table))
    assert len(page.messages) == 20
    assert "messages.limit(20)" in table.asked[1][1]["fields"]
    first = page.messages[0]
    assert (first.correspondent_id, first.by, first.text) == (PERSON, "correspondent", "text 0")
    assert first.at == datetime(2026, 4, 5, 5, 27, tzinfo=UTC)
    assert first.correspondent is not None
    assert first.correspondent.name == "Ana"


def test_meta_asks_for_each_message_where_the_expansion_is_refused() -> None:
    """As Meta's page shows it; an id beyond the newest answers as if deleted and is left out."""
    refused = SendError(ErrorClass.BAD_REQUEST, "a field is unknown")
    bare = [{"id": f"m_{n}", "created_time": "2026-04-05T05:27:08+0000"} for n in range(3)]
    table = Table(
        conversations=[{"data": [CONVERSATION]}],
        t_1=[refused, {"messages": {"data": bare}}],
        m_0=[a_meta_message(0)],
        m_1=[refused],
        m_2=[a_meta_message(2)],
    )
    (page,) = read(meta_pages(table))
    assert [m.message_id for m in page.messages] == ["m_0", "m_2"]
    assert page.skipped == 1
    assert table.asked[2][1] == {"fields": "messages"}


def test_meta_goes_on_by_the_cursor_and_never_by_the_address_with_the_token() -> None:
    more = {"cursors": {"after": "CURSOR"}, "next": "https://g/v1/x?access_token=SECRET"}
    table = Table(
        conversations=[
            {"data": [], "paging": more},
            {"data": [], "paging": {"cursors": {}}},
            {"data": []},
        ],
    )
    assert read(meta_pages(table)) == []
    assert table.asked[1][1]["after"] == "CURSOR"


def listed(*names: str, updated: str = "2026-04-05T05:27:08+0000") -> list[dict[str, Any]]:
    return [{**CONVERSATION, "id": name, "updated_time": updated} for name in names]


def conversation_of(number: int) -> dict[str, Any]:
    return {"messages": {"data": [a_meta_message(number)]}}


def test_meta_goes_on_from_the_page_of_conversations_that_was_being_read() -> None:
    more = {"cursors": {"after": "NEXT"}, "next": "https://g/v1/x"}
    table = Table(
        conversations=[{"data": listed("t_1", "t_2"), "paging": more}, {"data": listed("t_3")}, {}],
        t_1=[conversation_of(1)],
        t_2=[conversation_of(2)],
        t_3=[conversation_of(3)],
    )
    cursors = [page.cursor for page in read(meta_pages(table))]
    began = round((NOW - timedelta(minutes=5)).timestamp() * 1000)
    # Of the first page the second conversation was the last: after it the next page is begun.
    assert cursors == [f"{began} ", f"{began} NEXT", f"{began} NEXT"]
    again = Table(conversations=[{"data": listed("t_3")}, {}], t_3=[conversation_of(3)])
    (page,) = read(meta_pages(again, cursors[1]))
    assert again.asked[0][1]["after"] == "NEXT"
    assert page.cursor == f"{began} NEXT"


def test_meta_reads_what_moved_to_the_front_while_it_read_the_rest() -> None:
    """Somebody writes in `t_9` before its page is reached: it is listed on the first one now."""
    more = {"cursors": {"after": "NEXT"}, "next": "https://g/v1/x"}
    moved = listed("t_9", updated="2026-11-22T00:00:10+0000")
    table = Table(
        conversations=[
            {"data": listed("t_1"), "paging": more},
            {"data": listed("t_2")},
            {"data": moved + listed("t_1"), "paging": more},
            {"data": listed("t_2")},
        ],
        t_1=[conversation_of(1)],
        t_2=[conversation_of(2)],
        t_9=[conversation_of(9)],
    )
    pages = read(meta_pages(table))
    assert [page.messages[0].message_id for page in pages] == ["m_1", "m_2", "m_9"]


def test_meta_passes_over_a_conversation_that_can_t_be_had_and_one_of_another_page() -> None:
    refused = SendError(ErrorClass.BAD_REQUEST, "gone")
    foreign = {**CONVERSATION, "id": "t_2", "participants": {"data": [{"id": "8"}, {"id": "9"}]}}
    table = Table(conversations=[{"data": [*listed("t_1"), foreign]}], t_1=[refused, refused])
    gone, theirs = read(meta_pages(table))
    assert (gone.messages, gone.skipped) == ((), 1)
    assert (theirs.messages, theirs.foreign) == ((), 1)


def test_a_message_of_the_account_s_own_names_the_other_one() -> None:
    item = a_meta_message(1, **{"from": {"id": PAGE}, "to": {"data": [{"id": PERSON}]}})
    message = meta_items.read_message(item, PAGE, "t_1", [PERSON], {})
    assert message is not None
    assert (message.by, message.correspondent_id) == ("account", PERSON)
    without_to = {**item, "to": {}}
    assert meta_items.read_message(without_to, PAGE, "t_1", [PERSON], {}) == message
    assert meta_items.read_message(without_to, PAGE, "t_1", [PERSON, "9"], {}) is None


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"mime_type": "image/png", "image_data": {"url": "u"}}, ("image", "u")),
        ({"mime_type": "video/mp4", "video_data": {"url": "u"}}, ("video", "u")),
        ({"mime_type": "audio/mpeg", "file_url": "u"}, ("audio", "u")),
        ({"mime_type": "application/pdf", "file_url": "u"}, ("file", "u")),
        ({}, ("other", None)),
    ],
)
def test_meta_attachments_tell_their_kind(item: dict[str, Any], expected: tuple[str, Any]) -> None:
    message = meta_items.read_message(
        a_meta_message(1, attachments={"data": [item]}), PAGE, "t_1", [PERSON], {}
    )
    assert message is not None
    (attachment,) = message.attachments
    assert (attachment.type, attachment.url) == expected


@pytest.mark.parametrize("missing", ["id", "created_time", "from"])
def test_what_can_t_be_placed_is_passed_over(missing: str) -> None:
    item = {key: value for key, value in a_meta_message(1).items() if key != missing}
    assert meta_items.read_message(item, PAGE, "t_1", [PERSON], {}) is None


def an_ayrshare_message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"mid-{number}",
        "conversationId": "t_7",
        "platform": "facebook",
        "action": "received",
        "message": f"text {number}",
        "senderId": PERSON,
        "senderDetails": {"name": "Ana", "profileImage": "https://img.example/a.png"},
        "recipientId": PAGE,
        "created": f"2026-10-04T09:12:{number:02}.120Z",
        **more,
    }


def test_ayrshare_keeps_the_twenty_newest_of_each_conversation() -> None:
    items = [an_ayrshare_message(n) for n in range(30)]
    other = an_ayrshare_message(1, id="other", senderId="9", conversationId="t_8")
    table = Table(facebook=[{"messages": [*items, other]}, {"messages": []}])
    pages = read(ayrshare_history.pages(table.reader, "https://a/messages/facebook", MESSENGER))
    found = [m.message_id for page in pages for m in page.messages]
    assert found == [f"mid-{n}" for n in range(29, 9, -1)] + ["other"]
    assert [params["status"] for _, params in table.asked] == ["active", "archived"]


def ayrshare_pages(
    table: Table, account: LinkedAccount, cursor: str | None = None
) -> list[HistoryPage]:
    return read(ayrshare_history.pages(table.reader, "https://a/messages/it", account, cursor))


def test_ayrshare_goes_on_by_status_and_on_x_by_its_cursor() -> None:
    x = LinkedAccount("x", PAGE)
    more = {"messages": [], "meta": {"pagination": {"next": "7"}}}
    table = Table(it=[more, {"messages": []}, {"messages": []}])
    assert [p.cursor for p in ayrshare_pages(table, x)] == ["active 7", "archived", "archived"]
    again = Table(it=[{"messages": []}, {"messages": []}])
    ayrshare_pages(again, x, "active 7")
    assert [asked.get("next") for _, asked in again.asked] == ["7", None]
    last = Table(it=[{"messages": []}])
    ayrshare_pages(last, MESSENGER, "archived")
    assert [asked["status"] for _, asked in last.asked] == ["archived"]


def test_ayrshare_s_messages_of_another_account_are_counted_and_left_out() -> None:
    theirs = an_ayrshare_message(2, recipientId="another page")
    table = Table(it=[{"messages": [an_ayrshare_message(1), theirs]}, {"messages": []}])
    page, _ = ayrshare_pages(table, MESSENGER)
    assert [m.message_id for m in page.messages] == ["mid-1"]
    assert page.foreign == 1


def test_ayrshare_s_action_is_the_direction_and_tells_whose_account_it_is() -> None:
    sent = an_ayrshare_message(1, action="sent", senderId=PAGE, recipientId=PERSON)
    unnamed = LinkedAccount("facebook", "")
    message = ayrshare_history.read_message(sent, unnamed)
    assert message is not None
    assert (message.by, message.account_id, message.correspondent_id) == ("account", PAGE, PERSON)
    assert ayrshare_history.read_message({**sent, "action": "messages"}, MESSENGER) is None
    assert ayrshare_history.read_message({**sent, "recipientId": None}, MESSENGER) is None


ALICE, BOB = "944480690", "17200003"


def an_x_event(**more: Any) -> dict[str, Any]:
    return {
        "id": "1582838499983564806",
        "event_type": "MessageCreate",
        "text": "Hi everyone.",
        "sender_id": ALICE,
        "dm_conversation_id": f"{BOB}-{ALICE}",
        "created_at": "2022-10-19T20:58:00.000Z",
        **more,
    }


def test_x_reads_the_milliseconds_from_the_id() -> None:
    message = x_history.read_message(an_x_event(), LinkedAccount("x", BOB), {}, {})
    assert message is not None
    assert message.at == datetime(2022, 10, 19, 20, 58, 0, 770_000, tzinfo=UTC)
    assert (message.by, message.correspondent_id) == ("correspondent", ALICE)


def test_x_counts_talks_of_more_and_joins_as_passed_over() -> None:
    events = [
        an_x_event(),
        an_x_event(id="2", dm_conversation_id="1578398451921985538"),
        an_x_event(id="3", event_type="ParticipantsJoin"),
    ]
    table = Table(dm_events=[{"data": events, "meta": {"result_count": 3}}])
    (page,) = read(x_history.pages(table.reader, "https://x/2/dm_events", LinkedAccount("x", BOB)))
    assert (len(page.messages), page.skipped) == (1, 2)


def test_x_goes_on_by_its_token_and_counts_talks_of_others() -> None:
    theirs = an_x_event(dm_conversation_id="1-2")
    table = Table(
        dm_events=[{"data": [theirs], "meta": {"next_token": "T2"}}, {"data": [an_x_event()]}]
    )
    account = LinkedAccount("x", BOB)
    first, last = read(x_history.pages(table.reader, "https://x/2/dm_events", account, "T1"))
    assert [asked["pagination_token"] for _, asked in table.asked] == ["T1", "T2"]
    assert (first.cursor, last.cursor) == ("T2", "T2")
    assert (first.foreign, first.skipped, len(last.messages)) == (1, 0, 1)


def test_x_names_media_by_the_id_that_webhooks_use() -> None:
    item = an_x_event(attachments={"media_keys": ["3_1582838499983564806"]})
    media = {"3_1582838499983564806": {"type": "photo", "url": "https://ton.example/a.jpg"}}
    message = x_history.read_message(item, LinkedAccount("x", BOB), {}, media)
    assert message is not None
    (attachment,) = message.attachments
    assert (attachment.type, attachment.id) == ("image", "1582838499983564806")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-04-05T05:27:08+0000", datetime(2026, 4, 5, 5, 27, 8, tzinfo=UTC)),
        ("2026-10-04T09:12:33.1239Z", datetime(2026, 10, 4, 9, 12, 33, 123_000, tzinfo=UTC)),
        ("2026-10-04T11:12:33+02:00", datetime(2026, 10, 4, 9, 12, 33, tzinfo=UTC)),
        ("2026-10-04T09:12:33", datetime(2026, 10, 4, 9, 12, 33, tzinfo=UTC)),
        ("soon", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1_600_000_000, None),
        (None, None),
    ],
)
def test_times_are_read_in_every_spelling_the_platforms_use(
    written: object, expected: datetime | None
) -> None:
    assert instant(written) == expected


@pytest.mark.parametrize("by", ["correspondent", "account"])
def test_a_backfilled_message_is_the_event_that_its_webhook_would_have_been(by: Any) -> None:
    """Invariant 3."""
    at = datetime(2026, 4, 5, tzinfo=UTC)
    message = HistoryMessage(IG, PERSON, "mid", by, at, text="hi")
    event = to_event(message, provider="meta", platform="instagram", profileid="p", fetched_at=at)
    assert isinstance(event, MessageReceived if by == "correspondent" else MessageSent)
    assert event.id == event_id("meta", IG, "message", "mid")
    assert event.subject == f"instagram:{IG}:{PERSON}"
    assert event.data.backfilled
    assert event.data.origin is None
