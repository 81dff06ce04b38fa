"""History of Meta, page by page and conversation by conversation."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.providers.meta import history as meta_history
from streams.providers.meta import items as meta_items
from streams.providers.protocol import ErrorClass, HistoryPage, SendError
from tests.unit.providers.history_tables import MESSENGER, PAGE, PERSON, Table, read

NOW = datetime(2026, 11, 22, tzinfo=UTC)


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
