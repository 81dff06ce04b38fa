"""The comparison finds each kind of difference, and nothing where there is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from streams.simulator.columns import MESSAGES, active_counts, failures, instant
from streams.simulator.compare import (
    ColumnMissingError,
    Difference,
    compare_active,
    compare_conversations,
    compare_events,
    compare_failures,
    compare_messages,
)
from streams.simulator.intention import ExpectedMessage, Intention
from tests.unit.simulator.days import a_small_day

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def intention() -> Intention:
    return a_small_day().intention


def when(at: int | None) -> datetime | None:
    return None if at is None else EPOCH + timedelta(milliseconds=at)


def message_rows() -> list[Row]:
    """The archive as it should be; the caller's own, to spoil."""
    return [dict(row) for row in _message_rows()]


@cache
def _message_rows() -> tuple[Row, ...]:
    return tuple(
        {
            "conversation_id": one.conversation_id,
            "message_id": one.message_id,
            "profile_id": one.profile_id,
            "platform": one.platform,
            "provider": one.provider,
            "direction": "in" if one.direction == "received" else "out",
            "occurred_at": when(one.sent_at),
            "text": one.text or "",
            "attachments": [("image", word, "https://", "", "") for word in one.attachments],
            "edit_count": one.versions - 1,
            "edited_at": when(one.edited_at),
            "is_deleted": int(one.is_deleted),
            "deleted_at": when(one.deleted_at),
            "reactions": list(one.reactions),
            "delivered_at": when(one.delivered_at),
            "read_at": when(one.read_at),
            "is_standby": one.is_standby,
            "is_unreadable": one.is_unreadable,
            "a_column_more": 1,
        }
        for one in intention().messages.values()
    )


def conversation_rows() -> list[Row]:
    times = (
        "first_received_at",
        "last_received_at",
        "first_sent_at",
        "last_sent_at",
        "waiting_since",
    )
    return [
        one.model_dump()
        | {name: when(getattr(one, name)) for name in times}
        | {"received_count": one.received, "sent_count": one.sent}
        for one in intention().conversations.values()
    ]


def first_where(test: Callable[[ExpectedMessage], object]) -> int:
    return next(at for at, one in enumerate(intention().messages.values()) if test(one))


def test_an_archive_that_is_as_meant_has_no_difference() -> None:
    assert compare_messages(intention(), message_rows()) == []
    assert compare_conversations(intention(), conversation_rows()) == []


def test_a_missing_a_doubled_and_an_unmeant_message_are_told_apart() -> None:
    rows = message_rows()
    lost, twice = rows.pop(3), rows[5]
    rows += [twice, twice | {"message_id": "never-said"}]
    found = {(one.what, one.key) for one in compare_messages(intention(), rows)}
    assert found == {
        ("missing", f"{lost['conversation_id']} {lost['message_id']}"),
        ("doubled", f"{twice['conversation_id']} {twice['message_id']}"),
        ("not meant", f"{twice['conversation_id']} never-said"),
    }


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("profile_id", "another"),
        ("platform", "fax"),
        ("direction", "sideways"),
        ("provider", "pigeon"),
        ("occurred_at", datetime(2026, 11, 22, 11, 0, 0, 1_000, tzinfo=UTC)),
        ("text", "another text"),
        ("attachments", [("image", "photo", "", "", "")]),
        ("edit_count", 9),
        ("edited_at", datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
        ("is_deleted", 1),
        ("deleted_at", datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
        ("reactions", [("somebody", "🦆")]),
        ("is_standby", True),
        ("is_unreadable", True),
        ("delivered_at", datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
        ("read_at", datetime(2026, 11, 22, 11, 0)),  # noqa: DTZ001  as drivers give it
    ],
)
def test_each_wrong_value_is_found_in_its_column(column: str, wrong: object) -> None:
    rows = message_rows()
    place = first_where(
        lambda one: one.text and not (one.is_standby or one.is_deleted or one.read_at)
    )
    rows[place] |= {column: wrong}
    (difference,) = compare_messages(intention(), rows)
    assert (difference.what, difference.column) == ("differs", column)
    assert difference.key.endswith(str(rows[place]["message_id"]))


def test_a_receipt_one_millisecond_off_is_found() -> None:
    rows = message_rows()
    place = first_where(lambda one: one.read_at is not None)
    rows[place]["read_at"] += timedelta(milliseconds=1)
    assert [one.column for one in compare_messages(intention(), rows)] == ["read_at"]


def test_content_that_outlived_its_deletion_is_found() -> None:
    rows = message_rows()
    place = first_where(lambda one: one.is_deleted)
    rows[place]["text"] = "still here"
    assert [one.column for one in compare_messages(intention(), rows)] == ["text"]


def test_texts_are_not_told_in_a_report() -> None:
    """Invariant 11."""
    rows = message_rows()
    place = first_where(lambda one: one.text)
    meant = rows[place]["text"]
    rows[place]["text"] = "something private"
    (difference,) = compare_messages(intention(), rows)
    assert "private" not in str(difference)
    assert meant not in str(difference)
    assert "17 characters" in str(difference)


@pytest.mark.parametrize(
    ("column", "by_order", "by_name"),
    [
        (
            "reactions",
            [("2", "👍"), ("1", "❤")],
            [{"person_id": "2", "emoji": "👍"}, {"person_id": "1", "emoji": "❤"}],
        ),
        (
            "attachments",
            [("reel", "ig_reel", "", "", "")],
            [{"type": "reel", "platform_type": "ig_reel", "url": ""}],
        ),
    ],
)
def test_tuples_are_read_by_order_and_by_name(
    column: str, by_order: object, by_name: object
) -> None:
    """Drivers differ in it."""
    read = MESSAGES.columns[column].read
    assert read(by_order) == read(by_name)
    assert read(by_order)


def test_rows_of_another_view_are_an_error_and_not_a_difference() -> None:
    rows = message_rows()
    del rows[0]["read_at"]
    with pytest.raises(ColumnMissingError, match="no column read_at"):
        compare_messages(intention(), rows)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("received_count", 77),
        ("sent_count", 77),
        ("provider", "pigeon"),
        ("first_received_at", EPOCH),
        ("last_received_at", EPOCH),
        ("first_sent_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("last_sent_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("waiting_since", datetime(2020, 1, 1, tzinfo=UTC)),
        ("thread_control", "theirs"),
    ],
)
def test_each_wrong_value_of_a_conversation_is_found(column: str, wrong: object) -> None:
    rows = conversation_rows()
    rows[2] |= {column: wrong}
    (difference,) = compare_conversations(intention(), rows)
    assert (difference.of, difference.column) == ("conversation", column)


def test_a_conversation_that_is_not_there_is_found() -> None:
    lost = conversation_rows()[0]
    assert compare_conversations(intention(), conversation_rows()[1:]) == [
        Difference("missing", "conversation", lost["conversation_id"])
    ]


def test_instants_are_read_in_all_forms_and_1970_is_never() -> None:
    at = datetime(2026, 11, 22, 11, 0, 0, 1_000, tzinfo=UTC)
    forms = (at, at.replace(tzinfo=None), "2026-11-22T11:00:00.001Z", 1_795_345_200_001)
    assert {instant(form) for form in forms} == {1_795_345_200_001}
    assert instant(EPOCH) is None


def test_a_count_of_active_conversations_that_is_off_is_found_either_way() -> None:
    counts = active_counts(
        {"profile_id": profile.profile_id, "month": month, "active_count": count}
        for profile in intention().profiles.values()
        for month, count in profile.active_conversations.items()
    )
    assert compare_active(intention(), counts) == []
    key = next(iter(counts))
    assert [one.key for one in compare_active(intention(), counts | {key: 0})] == [" ".join(key)]
    more = compare_active(intention(), counts | {("nobody", "2026-11"): 1})
    assert [(one.meant, one.found) for one in more] == [("0", "1")]


def events() -> list[tuple[str, str]]:
    return [
        (type_, id_)
        for type_, expected in intention().events.items()
        for id_ in (*expected.ids, *(f"unnamed-{n}" for n in range(expected.unnamed)))
    ]


def test_events_lost_doubled_or_beside_the_meant_ones_are_found() -> None:
    as_meant = [*events(), ("conversation.activated", "derived"), ("profile.registered", "too")]
    assert compare_events(intention(), as_meant) == []
    lost = next(one for one in as_meant if one[0] == "message.read")
    without = [one for one in as_meant if one != lost]
    assert compare_events(intention(), without) == [
        Difference("missing", "event", f"message.read {lost[1]}")
    ]
    assert compare_events(intention(), [*as_meant, lost]) == [
        Difference("doubled", "event", f"message.read {lost[1]}")
    ]
    (more,) = compare_events(intention(), [*as_meant, ("message.read", "another")])
    assert (more.what, more.meant, more.found) == ("differs", "0", "1")
    (fewer,) = compare_events(
        intention(), [one for one in as_meant if one != ("message.edited", "unnamed-0")]
    )
    assert fewer.column == "ids beside those known"


def test_an_event_of_a_type_that_was_not_meant_at_all_is_found() -> None:
    small = Intention(intention().header)
    assert compare_events(small, [("message.deleted", "x")]) == [
        Difference("not meant", "event", "message.deleted x")
    ]


def test_a_failed_body_is_known_by_its_bytes_however_the_driver_gives_them() -> None:
    rows: list[Row] = [
        {"original_value": b"{}", "reason": "bad_value"},
        {"original_value": "{}", "reason": "bad_value"},
    ]
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert list(failures(rows)) == [(digest, "bad_value")] * 2


def test_failures_lost_doubled_unmeant_or_for_another_reason_are_found() -> None:
    meant = [(failure.sha256, failure.reasons[0]) for failure in intention().failures]
    assert len(meant) >= 4
    assert compare_failures(intention(), meant) == []
    assert [one.what for one in compare_failures(intention(), meant[1:])] == ["missing"]
    assert [one.what for one in compare_failures(intention(), [*meant, meant[0]])] == ["doubled"]
    other = [(meant[0][0], "unreadable"), *meant[1:]]
    assert [one.what for one in compare_failures(intention(), other)] == ["differs"]
    more = [*meant, ("ab" * 32, "unreadable")]
    assert [one.what for one in compare_failures(intention(), more)] == ["not meant"]
