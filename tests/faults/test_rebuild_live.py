"""A rebuild while people write: it comes to the state that is live, and disturbs nothing."""

import asyncio

import pytest

from streams import rebuilding
from tests.faults.field import Field

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]


@pytest.mark.parametrize("archive", [False, True], ids=["from-the-log", "from-the-archive"])
def test_state_rebuilt_during_live_traffic_is_the_live_one(field: Field, archive: bool) -> None:
    """Invariant 4, under traffic: the rebuild follows the log until both are at the same record,
    and then not one field differs."""
    field.feed(field.deliveries(40))
    field.wait_for_people()
    feeding = field.feeding(150, 25)
    field.answer(10)
    settings = field.recorder.settings
    told: list[int] = []

    def progress(_: str, count: int) -> None:
        told.append(count)

    found = asyncio.run(rebuilding.compare(settings, archive=archive, progress=progress))
    assert found.fold.events > 0
    assert found.differing == []
    assert told
    feeding.result()
    field.drain()
    field.assert_clean()
