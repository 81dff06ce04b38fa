"""History of X, event by event."""

from datetime import UTC, datetime
from typing import Any

from streams.providers.protocol import LinkedAccount
from streams.providers.x import history as x_history
from tests.unit.providers.history_tables import Table, read

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
