"""History of Ayrshare, by platform, status and cursor."""

from typing import Any

from streams.providers.ayrshare import history as ayrshare_history
from streams.providers.protocol import HistoryPage, LinkedAccount
from tests.unit.providers.history_tables import MESSENGER, PAGE, PERSON, Table, read


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
