"""ClickHouse in every trouble it knows: nothing is lost by any, and nothing is stored twice."""

import time
from collections.abc import Callable

import pytest

from streams.local import processes
from tests.faults.clickhouse_engine import Engine
from tests.faults.clickhouse_proxy import Door
from tests.faults.field import Field

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]


def refuses(door: Door, _: Engine) -> None:
    door.shut = True
    time.sleep(6.0)
    door.shut = False


def is_slow(door: Door, _: Engine) -> None:
    """Slower than the worker's patience: each insert is applied, and nobody hears of it."""
    door.slow_seconds = 4.0
    time.sleep(10.0)
    door.slow_seconds = 0.0


def loses_answers(door: Door, _: Engine) -> None:
    door.answers_to_lose = 12
    time.sleep(6.0)


def has_too_many_parts(door: Door, _: Engine) -> None:
    door.too_many_parts = 6
    time.sleep(6.0)


def is_killed(_: Door, engine: Engine) -> None:
    engine.kill()
    time.sleep(5.0)
    engine.start()


@pytest.mark.parametrize(
    "trouble",
    [refuses, is_slow, loses_answers, has_too_many_parts, is_killed],
    ids=lambda trouble: trouble.__name__.replace("_", "-"),
)
def test_clickhouse_in_trouble_costs_time_and_nothing_else(
    fragile: Field, trouble: Callable[[Door, Engine], None]
) -> None:
    """Webhooks and sends go on; afterwards the archive has each record once, in the rows that lie
    there as well, and the history worker has not ended."""
    field = fragile
    assert field.door is not None
    assert field.engine is not None
    field.single_writer = True
    feeding = field.feeding(120, 15)
    field.wait_for_people()
    field.answer(5)
    trouble(field.door, field.engine)
    feeding.result()
    field.answer(5)
    field.drain()
    field.assert_clean()


def test_partitions_that_change_hands_while_clickhouse_is_away_end_nobody(fragile: Field) -> None:
    """The new owner asks the archive how far it is, gets no answer, and waits; it does not end."""
    field, running = fragile, fragile.running
    assert field.door is not None
    field.single_writer = False
    running.start("history.2")
    field.feed(field.deliveries(40))
    field.door.shut = True
    try:
        assert processes.stop(running.children.pop("history.2"), grace_seconds=30) == 0
        field.feed(field.deliveries(40))
        time.sleep(8.0)
        running.look_after()
    finally:
        field.door.shut = False
    field.drain()
    field.assert_clean()


def test_a_history_worker_that_is_started_while_clickhouse_is_away_waits_for_it(
    fragile: Field,
) -> None:
    """It tells what it waits for, stops in order if it is told to, and begins when there is an
    archive; who supervises it sees one process, not a row of failed ones."""
    field, running = fragile, fragile.running
    assert field.door is not None
    field.single_writer = False
    running.kill("history")
    field.door.shut = True
    try:
        for _ in range(2):
            before = running.log_of("history").count("archive_awaited")
            running.launch("history")
            running.wait(
                lambda before=before: (
                    running.log_of("history").count("archive_awaited") >= before + 2
                ),
                40,
                "a history worker that waits",
            )
            if not before:
                assert processes.stop(running.children.pop("history"), grace_seconds=15) == 0
        field.feed(field.deliveries(40))
        running.look_after()
    finally:
        field.door.shut = False
    running.wait_until_ready("history")
    field.drain()
    field.assert_clean()


def test_clickhouse_that_is_gone_for_minutes_holds_up_neither_state_nor_sends(
    fragile: Field,
) -> None:
    """While it is away, what is sent in is folded and answered; when it is back, it gets it all."""
    field = fragile
    assert field.door is not None
    field.feed(field.deliveries(30))
    field.wait_for_people()
    field.door.shut = True
    try:
        field.feed(field.deliveries(60))
        field.answer(5)
        field.running.wait(field.all_ended, 40, "an end of every send without an archive")
        field.folded()
        time.sleep(75.0)  # beyond the longest wait between two tries
        field.running.look_after()
    finally:
        field.door.shut = False
    field.drain()
    field.assert_clean()
