"""What happenings come to, told by hand: the rules that the intention stands on."""

import random
from dataclasses import replace
from datetime import UTC, datetime

from streams.simulator.happenings import (
    ControlMoved,
    Edited,
    Happening,
    Pressed,
    Reacted,
    Receipt,
    Unsent,
    Written,
)
from streams.simulator.instants import to_ms
from streams.simulator.intention import Header, Intention
from streams.simulator.outcome import outcome
from streams.simulator.world import Account, Conversation, Correspondent

PERSON = Correspondent("2", "Noor", "noor", "en", True, 0, "")
PAGE = Account("meta", "facebook", "1", "1", "page", "Shop", "shop")
CONVERSATION = Conversation(PAGE, PERSON, "facebook:1:2", "t_1")
AT = to_ms(datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
MINUTE = 60_000


def written(minute: int, message_id: str, by: str = "correspondent", **more: object) -> Written:
    at = AT + minute * MINUTE
    return Written(CONVERSATION, at, by, message_id, text=message_id, **more)  # type: ignore[arg-type]


def receipt(minute: int, what: str, *named: str, upto: int | None = None) -> Receipt:
    watermark = 0 if upto is None else AT + upto * MINUTE
    return Receipt(CONVERSATION, AT + minute * MINUTE, what, named, watermark)  # type: ignore[arg-type]


def told(*happenings: Happening) -> Intention:
    """In an order that is not that of time: the outcome may not depend on it."""
    shuffled = list(happenings)
    random.Random(1).shuffle(shuffled)
    return outcome(Header(parameters={}, webhooks=0, answers={}), shuffled)


def test_the_last_edit_is_the_text_and_every_version_counts() -> None:
    message = told(
        written(0, "m"),
        Edited(CONVERSATION, AT + 2 * MINUTE, "m", "second", 2),
        Edited(CONVERSATION, AT + MINUTE, "m", "first", 1),
    ).messages["facebook:1:2", "m"]
    assert (message.text, message.versions) == ("second", 3)


def test_an_unsent_message_keeps_its_place_and_loses_its_content() -> None:
    message = told(written(0, "m"), Unsent(CONVERSATION, AT + MINUTE, "m")).messages[
        "facebook:1:2", "m"
    ]
    assert (message.text, message.is_deleted, message.sent_at) == (None, True, AT)


def test_a_watermark_reads_all_of_the_account_up_to_it_and_the_first_receipt_counts() -> None:
    messages = told(
        written(0, "theirs"),
        written(1, "a", "account"),
        written(2, "b", "account"),
        written(9, "c", "account"),
        receipt(3, "delivered", "a"),
        receipt(4, "read", upto=2),
        receipt(5, "read", upto=5),
    ).messages
    read = {key[1]: message.read_at for key, message in messages.items()}
    assert read == {"theirs": None, "a": AT + 4 * MINUTE, "b": AT + 4 * MINUTE, "c": None}
    assert messages["facebook:1:2", "a"].delivered_at == AT + 3 * MINUTE
    assert messages["facebook:1:2", "b"].delivered_at is None


def test_a_reaction_that_was_taken_back_is_not_there() -> None:
    messages = told(
        written(0, "a", "account"),
        written(1, "b", "account"),
        Reacted(CONVERSATION, AT + 2 * MINUTE, "a", added=True, emoji="👍"),
        Reacted(CONVERSATION, AT + 3 * MINUTE, "a", added=False),
        Reacted(CONVERSATION, AT + 3 * MINUTE, "b", added=True, emoji="👍"),
        Reacted(CONVERSATION, AT + 4 * MINUTE, "b", added=True, emoji="❤"),
    ).messages
    assert messages["facebook:1:2", "a"].reactions == ()
    assert messages["facebook:1:2", "b"].reactions == (("2", "❤"),)


def test_a_conversation_knows_first_and_last_of_each_side_and_its_months() -> None:
    before = replace(written(0, "october"), at=AT - 40 * 86_400_000)
    conversation = told(
        written(5, "m"),
        written(6, "n", "account"),
        before,
        Pressed(CONVERSATION, AT + 90 * MINUTE, "p", "Go", "go"),
    ).conversations["facebook:1:2"]
    assert conversation.active_months == ("2026-10", "2026-11")
    assert conversation.first_received_at == before.at
    assert conversation.last_received_at == AT + 5 * MINUTE
    assert conversation.first_sent_at == conversation.last_sent_at == AT + 6 * MINUTE
    assert (conversation.received, conversation.sent) == (2, 1)


def test_a_month_begins_with_its_first_millisecond_in_utc() -> None:
    midnight = to_ms(datetime(2026, 12, 1, tzinfo=UTC))
    last, first = replace(written(0, "a"), at=midnight - 1), replace(written(0, "b"), at=midnight)
    assert told(last, first).profiles["1"].active_conversations == {"2026-11": 1, "2026-12": 1}


def test_thread_control_is_told_by_the_latest_sign_of_it() -> None:
    lost = ControlMoved(CONVERSATION, AT + 2 * MINUTE, "lost", "9", "8")
    gained = ControlMoved(CONVERSATION, AT + 4 * MINUTE, "gained", "8", "9")
    standby = written(3, "s", standby=True)

    def control(*happenings: Happening) -> str:
        return told(*happenings).conversations["facebook:1:2"].thread_control

    assert control(written(1, "e", "account")) == "unknown"
    assert control(written(1, "m")) == "ours"
    assert control(written(1, "m"), lost) == "other"
    assert control(written(1, "m"), standby) == "other"
    assert control(written(1, "m"), lost, standby, gained) == "ours"
    assert control(lost, written(5, "m")) == "ours"


def test_events_are_counted_once_however_often_they_are_told() -> None:
    intention = told(written(0, "m"), written(0, "m"), receipt(1, "delivered", "x", "y"))
    assert intention.events["message.received"].count == 1
    assert intention.events["message.delivered"].count == 2
