"""Records to rows: the same records give the same rows, and nothing is left out."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import data, events
from schemas.topics import EventHeader
from sinks.rows import (
    EVENT_LOG,
    EVENTS,
    FAILURE_LOG,
    LogRecord,
    event_columns,
    failure_columns,
    milliseconds,
    version,
)

AT = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
AT_MS = 1_795_358_000_000 - 12_880  # of the same instant, by hand: 1795357987120


def an_event(**message: object) -> bytes:
    body = {
        "provider": "meta",
        "account_id": "1",
        "correspondent_id": "2",
        "message_id": "m",
        "text": "é",
    } | message
    return events.MessageReceived(
        id="id",
        source="/dmstream/meta/1",
        time=AT,
        subject="facebook:1:2",
        profileid="p",
        platform="facebook",
        receivedat=AT + timedelta(milliseconds=250),
        correlationid="c",
        data=data.Message.model_validate(body),
    ).to_json()


def record(value: bytes | None, *, headers: tuple[tuple[str, bytes], ...] = ()) -> LogRecord:
    return LogRecord(3, 7, 1_700_000_000_000, b"key", value, headers)


def rows(
    given_records: list[LogRecord], *, strict: bool = False
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    logged, happened = event_columns("log", "topic", given_records, strict=strict)
    return (
        [dict(zip(EVENT_LOG.names, row, strict=True)) for row in zip(*logged, strict=True)],
        [dict(zip(EVENTS.names, row, strict=True)) for row in zip(*happened, strict=True)],
    )


def test_a_record_and_its_event() -> None:
    value = an_event(
        attachments=[{"type": "image", "platform_type": "image", "url": "u"}],
        correspondent={"name": "Ada"},
    )
    [logged], [happened] = rows([record(value, headers=((EventHeader.RESTORED_FROM, b"old/1/2"),))])
    assert logged == {
        "_log": "log", "_topic": "topic", "_partition": 3, "_offset": 7, "event_id": "id",
        "type": "dm.message.received.v1", "profile_id": "p", "conversation_id": "facebook:1:2",
        "occurred_at": AT_MS, "received_at": AT_MS + 250, "logged_at": 1_700_000_000_000,
        "key": b"key", "payload": value, "restored_from": "old/1/2",
    }  # fmt: skip
    expected = {"kind": "message.received", "text": "é", "is_backfilled": False, "watermark_at": 0}
    assert expected.items() <= happened.items()
    assert orjson.loads(str(happened["attachments"])) == [
        {"type": "image", "platform_type": "image", "url": "u"}
    ]
    assert orjson.loads(str(happened["details"])) == {"correspondent": {"name": "Ada"}}


def test_what_has_no_column_of_its_own_is_kept_in_details() -> None:
    """A newer writer's field must not be lost by an older reader."""
    event = orjson.loads(an_event())
    event["data"]["of_the_future"] = [1, {"a": None}]
    [_], [happened] = rows([record(orjson.dumps(event))])
    assert orjson.loads(str(happened["details"])) == {"of_the_future": [1, {"a": None}]}


def test_an_event_of_a_kind_to_come_is_an_event() -> None:
    value = an_event().replace(b"dm.message.received.v1", b"dm.message.pinned.v12")
    [logged], [happened] = rows([record(value)])
    assert (logged["type"], happened["kind"]) == ("dm.message.pinned.v12", "message.pinned")


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"null", b"[]", b"{", b"\xff", b'"text"', b'{"data": {}}',
        an_event().replace(b'"time":"2026-11-22T14:33:07.120Z"', b'"time":"2026-11-22T14:33:07"'),
        an_event().replace(b'"time":"2026-11-22T14:33:07.120Z"', b'"time":1795357987'),
        an_event().replace(b'"time":"2026', b'"time":"9026'),
        an_event().replace(b'"id":"id",', b""),
    ],
)  # fmt: skip
def test_what_is_no_event_keeps_its_place(value: bytes | None) -> None:
    [logged], happened = rows([record(value)])
    assert happened == []
    assert (logged["type"], logged["_offset"], logged["payload"]) == ("unreadable", 7, value or b"")


@pytest.mark.parametrize(
    "broken",
    [
        an_event().replace(b'"text":"\xc3\xa9"', b'"text":5'),
        an_event().replace(b'"message_id":"m"', b'"message_id":null'),
        an_event().replace(b'"backfilled":false', b'"backfilled":"no"'),
        an_event().replace(b'"profileid":"p"', b'"profileid":7'),
    ],
)
def test_strict_finds_the_value_of_a_wrong_type_and_leaves_the_others_alone(broken: bytes) -> None:
    good = record(an_event())
    logged, happened = rows([good, record(broken), good], strict=True)
    assert [row["type"] for row in logged] == [
        "dm.message.received.v1",
        "unreadable",
        "dm.message.received.v1",
    ]
    assert happened == rows([good, good])[1]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2299, 12, 30)), st.integers(-23, 23))  # noqa: DTZ001
def test_instants_are_exact_to_the_millisecond(moment: datetime, zone: int) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    text = moment.isoformat(timespec="milliseconds") + f"{zone:+03d}:00"
    expected = (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
    assert milliseconds(text) == expected


_COPIES = st.builds(
    lambda ours, backfilled, received, value: (ours, backfilled, received, value),
    st.booleans(), st.booleans(), st.integers(0, 2**41), st.binary(max_size=3),
)  # fmt: skip


@given(_COPIES, _COPIES)
def test_the_kept_copy_is_ours_then_live_then_the_earliest(
    one: tuple[bool, bool, int, bytes], other: tuple[bool, bool, int, bytes]
) -> None:
    def of(copy: tuple[bool, bool, int, bytes]) -> int:
        ours, backfilled, received, value = copy
        return version(
            command_id="c" if ours else "", backfilled=backfilled, received_ms=received, value=value
        )

    def preference(copy: tuple[bool, bool, int, bytes]) -> tuple[bool, bool, int]:
        return copy[0], not copy[1], -copy[2]

    assert 0 <= of(one) < 2**64
    if preference(one) != preference(other):
        assert (of(one) > of(other)) == (preference(one) > preference(other))


def test_a_failure_without_headers_is_told_by_its_place() -> None:
    columns = failure_columns("log", "topic", [LogRecord(1, 2, 5, None, None, ())])
    [row] = [
        dict(zip(FAILURE_LOG.names, cells, strict=True)) for cells in zip(*columns, strict=True)
    ]
    assert (
        row["failure_id"],
        row["failed_at"],
        row["original_partition"],
        row["original_offset"],
    ) == ("log/1/2", 5, -1, -1)
