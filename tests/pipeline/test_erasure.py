"""Erasure in the archive: the content is gone wherever it was, the counts stay, nothing returns."""

import asyncio
import uuid
from datetime import timedelta

import orjson
import pytest
from clickhouse_connect.driver.client import Client

from schemas import data, events
from sinks import completeness, failed
from tests.conftest import ClickHouse
from tests.pipeline.erasing import (
    ADA,
    AT,
    BOB,
    NOT_BOB,
    PAGE,
    SECRETS,
    Writer,
    erased,
    event,
    history,
    place,
    secrets_left,
    view,
    written,
)

pytestmark = pytest.mark.pipeline


@pytest.fixture
def database(embedded_clickhouse: ClickHouse) -> str:
    return embedded_clickhouse.migrated()


COUNTS = ("profile_id", "conversation_id", "message_count", "received_count", "sent_count",
          "auto_sent_count", "first_message_at", "last_message_at", "rank_this_month")  # fmt: skip


def test_texts_media_and_names_are_gone_from_every_table_and_the_counts_stay(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    writer.write(*history())
    body = orjson.dumps({"sender": {"id": ADA}, "recipient": {"id": PAGE}, "text": SECRETS[0]})
    writer.fail(body)
    writer.fail(body.replace(ADA.encode(), BOB.encode()), offset=1)
    before = {
        "conversations": view(client, database, "conversations", *COUNTS),
        "messages": view(client, database, "messages", "conversation_id", "message_id", "origin"),
        "sends": view(client, database, "sends", "command_id", "outcome", "accepted_at"),
        "active": view(client, database, "active_conversations", "profile_id", "active_count"),
        "failed": len(view(client, database, "failed_events", "failure_id", "reason")),
    }
    assert secrets_left(client, database, NOT_BOB)

    writer.write(erased())

    assert secrets_left(client, database, NOT_BOB) == {"failure_log.payload": 1}  # Bob's
    assert before == {
        "conversations": view(client, database, "conversations", *COUNTS),
        "messages": view(client, database, "messages", "conversation_id", "message_id", "origin"),
        "sends": view(client, database, "sends", "command_id", "outcome", "accepted_at"),
        "active": view(client, database, "active_conversations", "profile_id", "active_count"),
        "failed": len(view(client, database, "failed_events", "failure_id", "reason")),
    }
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert texts == {"m1": "", "m2": "", "m3": SECRETS[0], "m9": ""}
    assert view(
        client, database, "erasures", "conversation_id", "is_finished", "messages_kept",
        "events_left", "log_records_left", "failures_left",
    ) == [(place(ADA), True, 3, 0, 0, 0)]  # fmt: skip


def test_what_is_left_is_counted_by_content_before_it_is_blanked(
    client: Client, database: str
) -> None:
    """The proof would be none if it said 0 of a database where everything is still there."""
    writer = Writer(client, database)
    client.command(
        f"INSERT INTO {database}.erasures (profile_id, conversation_id, account_id,"
        f" correspondent_id, erased_at, is_finished) VALUES ('shop', '{place(ADA)}', '{PAGE}',"
        f" '{ADA}', '{(AT + timedelta(minutes=10)).strftime('%Y-%m-%d %H:%M:%S')}', false)"
    )
    writer.archive._eraser._refresh = lambda: None  # type: ignore[method-assign]
    writer.failures._eraser._refresh = lambda: None  # type: ignore[method-assign]
    writer.write(*history())
    writer.fail(orjson.dumps({"sender": ADA, "recipient": PAGE}))
    ((*_, events_left, log_records_left, failures_left),) = view(
        client, database, "erasures", "conversation_id", "events_left", "log_records_left",
        "failures_left",
    )  # fmt: skip
    assert (events_left, log_records_left, failures_left) == (9, 9, 1)


def test_a_log_that_is_read_again_brings_nothing_back_and_leaves_no_hole(
    client: Client, database: str
) -> None:
    """Invariant 10: the same ranges, other cuts, another incarnation, and late copies."""
    writer = Writer(client, database)
    writer.write(*history())
    writer.write(erased())
    for records in (writer.kept, writer.kept[:5], writer.kept[3:9]):
        asyncio.run(writer.archive.write(records))
    again = Writer(client, database)
    for part in (writer.kept[:4], writer.kept[4:]):
        asyncio.run(again.archive.write(part))
    again.offset = len(writer.kept)
    again.write(written(2, minute=1, backfilled=True), written(8, minute=9.9))
    spread = [one._replace(partition=n % 2, offset=n // 2) for n, one in enumerate(writer.kept)]
    asyncio.run(Writer(client, database).archive.write(spread))  # one batch of two partitions
    assert secrets_left(client, database, NOT_BOB) == {}
    reports = completeness.check(client, database=database)
    whole, half = len(writer.kept), len(writer.kept) // 2
    assert sorted((r.missing, r.first, r.last) for r in reports) == sorted([
        (0, 0, whole - 1),
        (0, 0, whole + 1),
        (0, 0, (whole + 1) // 2 - 1),
        (0, 0, half - 1),
    ])  # fmt: skip
    mark = asyncio.run(writer.archive.high_water_mark(0))
    assert mark == len(writer.kept) - 1


def test_a_failure_that_another_worker_writes_later_is_blanked_as_well(
    client: Client, database: str
) -> None:
    writer, other = Writer(client, database), Writer(client, database)
    other.fail(b"{}")  # it knows the erasures of now: none
    writer.write(*history(), erased())
    body = orjson.dumps({"from": ADA, "to": PAGE, "text": SECRETS[0]})
    other.fail(body, offset=1)
    other.fail(body[:-9], offset=2)  # cut: no JSON
    assert secrets_left(client, database, NOT_BOB) == {}
    found = failed.find(client, failed.Selection(), database=database)
    assert [one.value for one in found] == [b"{}"]  # nothing of it can be replayed
    flags = view(client, database, "failed_events", "original_offset", "is_erased")
    assert flags == [(0, False), (1, True), (2, True)]


def test_what_they_write_afterwards_is_kept(client: Client, database: str) -> None:
    writer = Writer(client, database)
    writer.write(*history(), erased(minute=10), written(20, minute=11))
    writer.fail(
        orjson.dumps({"from": ADA, "to": PAGE, "text": "new"}), received=AT + timedelta(minutes=12)
    )
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert texts["m20"] == SECRETS[0]
    assert texts["m1"] == ""
    assert view(client, database, "failed_events", "failure_id", "is_erased")[0][1] is False
    writer.write(erased(minute=15))
    assert dict(view(client, database, "messages", "message_id", "text"))["m20"] == ""
    assert secrets_left(client, database, NOT_BOB) == {}


def test_an_erasure_cut_by_a_crash_is_carried_out_by_the_next_owner(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    writer.write(*history())

    class KilledError(Exception):
        pass

    def die(*_: object) -> None:
        raise KilledError

    writer.archive._eraser.carry_out = die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        writer.write(erased())
    assert (
        asyncio.run(writer.archive.high_water_mark(0)) == len(writer.kept) - 1
    )  # never read again
    next_owner = Writer(client, database, log=writer.log)
    assert asyncio.run(next_owner.archive.finish_erasures()) == 1
    assert secrets_left(client, database, NOT_BOB) == {}
    assert asyncio.run(next_owner.archive.finish_erasures()) == 0


def test_what_could_not_be_understood_and_names_them_goes_as_well(
    client: Client, database: str
) -> None:
    writer = Writer(client, database)
    item = {"who": ADA, "page": PAGE, "text": SECRETS[0]}
    unknown = events.UnrecognisedReceived(
        id="u1", source="/dmstream/meta/1", time=AT, receivedat=AT, profileid="shop",
        data=data.Unrecognised(provider="meta", account_id=PAGE, kind="new", item=item),
    )  # fmt: skip
    writer.write(*history(), unknown, orjson.dumps(item), erased())
    assert secrets_left(client, database, NOT_BOB) == {}
    writer.write(unknown.model_copy(update={"id": "u2"}), orjson.dumps(item))
    assert secrets_left(client, database, NOT_BOB) == {}


def test_what_is_told_afterwards_of_a_send_that_was_under_way_has_no_content(
    client: Client, database: str
) -> None:
    """The echo knows of no command; the copy that names it may come before or after it."""
    message = {"message_id": "late", "text": SECRETS[0]}
    own = event(
        events.MessageSent, data.Message, minute=11, command_id="c5", origin="api", **message
    )
    echo = event(events.MessageSent, data.Message, minute=11, origin="elsewhere", **message)
    echo = echo.model_copy(update={"id": own.id})
    unknown = event(
        events.SendUnknown, data.SendUnknown, minute=12, command_id="c6", origin="api",
        reason="maybe_delivered", message="It may have arrived.", attempts=1, text=SECRETS[0],
    )  # fmt: skip
    for order in ([own, echo], [echo, own]):
        writer = Writer(client, database, log=uuid.uuid4().hex)
        writer.write(*history())
        writer.write(erased())
        for one in (*order, unknown):
            writer.write(one)
        new = event(events.MessageSent, data.Message, minute=13, message_id="new", text="new")
        writer.write(new)
        assert secrets_left(client, database, NOT_BOB) == {}
    texts = dict(view(client, database, "messages", "message_id", "text"))
    assert (texts["late"], texts["new"]) == ("", "new")
