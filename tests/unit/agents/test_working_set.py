"""What a batch writes back: the index of the providers' conversation ids above all."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import data, events
from streams.agents.working_set import WorkingSet, table_key
from streams.conversation.evolve import evolve

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def told(kind: Any, body: Any, minute: int, **more: Any) -> events.Event:
    at = AT + timedelta(minutes=minute)
    found: events.Event = kind(
        id=f"{kind.__name__}{minute}", source="/test", time=at, receivedat=at, profileid="shop",
        platform="facebook", subject="facebook:1:2",
        data=body(provider="meta", account_id="1", correspondent_id="2", **more),
    )  # fmt: skip
    return found


def written(minute: int, external: str) -> events.Event:
    return told(
        events.MessageReceived, data.Message, minute, message_id=f"m{minute}",
        external_conversation_id=external,
    )  # fmt: skip


def erased(minute: int) -> events.Event:
    return told(events.CorrespondentErased, data.CorrespondentErased, minute)


def index(*batches: list[events.Event]) -> dict[bytes, bytes]:
    """The index as the table has it after the batches."""
    table: dict[bytes, bytes] = {}
    for batch in batches:
        states = WorkingSet(table)
        for event in batch:
            before = states.load(event)
            states.store(event, before, evolve(before, event))
        for key, value in states.changes():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
    return {key: value for key, value in table.items() if key.startswith(b"x")}


KEY_A, KEY_B = (table_key("x", "shop", name) for name in ("t_a", "t_b"))


def test_the_index_holds_the_latest_id_whatever_the_order() -> None:
    """Invariant 5."""
    one, two = written(1, "t_a"), written(2, "t_b")
    for batches in ([one, two], [two, one]):
        assert index(batches) == {KEY_B: b"facebook:1:2"}
        assert index(*([event] for event in batches)) == {KEY_B: b"facebook:1:2"}


def test_an_erased_conversations_id_goes_from_the_index() -> None:
    assert index([written(1, "t_a")], [erased(2)]) == {}
    assert index([written(1, "t_a"), erased(2)]) == {}
    assert index([written(1, "t_a")], [erased(2)], [written(3, "t_b")]) == {KEY_B: b"facebook:1:2"}
