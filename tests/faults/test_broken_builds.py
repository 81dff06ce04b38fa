"""The checker's own proof: under the fault that shows it, each broken build is caught, and the
build that ships is clean.

A checker that never fails says nothing. Each worker of `broken.py` has one thing wrong.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.events import Event, SendAttempted
from streams.settings import Settings
from tests.conftest import ClickHouse
from tests.faults.clickhouse_proxy import Door, door_to
from tests.faults.field import Field
from tests.faults.starting import under_fire
from tests.pipeline.simulated_archive import events_of

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

BROKEN = "tests.faults.broken"


def events(field: Field, webhooks: int) -> list[Event]:
    return events_of(field.deliveries(webhooks), field.now)


@contextmanager
def archiving(
    settings: Settings, clickhouse: ClickHouse, folder: Path
) -> Iterator[tuple[Field, Door]]:
    """Without workers, ClickHouse behind a door."""
    database = clickhouse.migrated()
    client = clickhouse.connect()
    for table in ("event_log", "events", "failure_log"):
        client.command(f"SYSTEM STOP MERGES {database}.{table}")  # they would hide what is twice
    client.close()
    with (
        door_to(clickhouse.url) as door,
        under_fire(settings, folder, clickhouse=(door.url, database)) as field,
    ):
        # The checker asks ClickHouse itself.
        field.recorder.settings = replace_url(field.recorder.settings, clickhouse.url)
        field.folds = False
        yield field, door


def replace_url(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"clickhouse_url": url})


def invariants(field: Field) -> set[str]:
    return {finding.invariant for finding in field.findings()}


def killed_while_clickhouse_is_away(field: Field, door: Door, *module: str) -> None:
    """Some is archived; then ClickHouse goes away, more comes, and the worker is killed."""
    field.running.start("history", *module)
    field.write_events(events(field, 40))
    field.archived()
    door.shut = True
    field.write_events(events(field, 200))
    time.sleep(3.0)
    field.running.kill("history")
    door.shut = False
    field.running.start("history", *module)
    field.write_events(events(field, 40))
    field.archived()
    time.sleep(1.0)


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (None, set[str]()),
        ("auto_acked_take", {"lost", "offset"}),
        ("committing_before_inserting", {"lost", "offset"}),
    ],
)
def test_what_is_committed_before_it_is_archived_is_caught_when_the_worker_is_killed(
    settings: Settings,
    embedded_clickhouse: ClickHouse,
    tmp_path: Path,
    broken: str | None,
    found: set[str],
) -> None:
    """ClickHouse is away while the history worker is killed: nothing may be lost by that."""
    module = (BROKEN, broken) if broken else ()
    with archiving(settings, embedded_clickhouse, tmp_path) as (field, door):
        killed_while_clickhouse_is_away(field, door, *module)
        assert found <= invariants(field) <= {*found, "counts"}
        assert found or not invariants(field)


@pytest.mark.parametrize(
    ("broken", "found"), [(None, set[str]()), ("token_of_the_time", {"duplicate"})]
)
def test_an_insert_that_is_not_recognised_is_caught_when_its_answer_is_lost(
    settings: Settings,
    embedded_clickhouse: ClickHouse,
    tmp_path: Path,
    broken: str | None,
    found: set[str],
) -> None:
    """Inserts that were applied lose their answers: sent again, each range must be there once."""
    module = (BROKEN, broken) if broken else ()
    with archiving(settings, embedded_clickhouse, tmp_path) as (field, door):
        field.single_writer = True
        field.running.start("history", *module)
        door.answers_to_lose = 6
        field.write_events(events(field, 200))
        field.archived()
        assert door.lost == 6
        assert invariants(field) == found


@pytest.mark.parametrize(("broken", "found"), [(None, set[str]()), ("concurrency_two", {"counts"})])
def test_two_actors_on_one_stream_are_caught_under_load(
    settings: Settings, tmp_path: Path, broken: str | None, found: set[str]
) -> None:
    """Many small batches of a few profiles: the state must still be the fold of the log."""
    module = (BROKEN, broken) if broken else ()
    with under_fire(settings, tmp_path, clickhouse=None) as field:
        field.running.start("conversations", *module)
        field.feed(field.deliveries(400, profiles=1), 100)
        field.folded()
        assert found <= invariants(field)
        assert found or not invariants(field)


@pytest.mark.parametrize(("broken", "found"), [(None, set[str]()), ("blind_resend", {"outcome"})])
def test_a_send_that_is_tried_again_blindly_is_caught_when_the_worker_is_killed(
    settings: Settings, tmp_path: Path, broken: str | None, found: set[str]
) -> None:
    """The delivery worker is killed while the platform, which has the message, is silent."""
    module = (BROKEN, broken) if broken else ()
    with under_fire(settings, tmp_path, "conversations", clickhouse=None) as field:
        field.running.start("delivery", *module)
        field.feed(field.deliveries(60))
        field.wait_for_people()
        field.box.post("faults", kind="hang_after", next=1)
        field.answer(1)
        field.log.wait_for(lambda event: isinstance(event, SendAttempted), what="attempt")
        field.running.wait(lambda: bool(field.box.get("attempts")), 20, "request")
        field.running.kill("delivery")
        field.running.start("delivery", *module)
        field.running.wait(field.all_ended, 30, "an end of the send")
        field.folded()
        assert invariants(field) == found
