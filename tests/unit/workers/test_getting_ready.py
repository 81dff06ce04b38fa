"""What a worker tells while it is not ready, with Faust's own app and no broker."""

from collections.abc import Iterator

import faust
import pytest
from faust.types import TP
from structlog.testing import capture_logs

from streams.workers.getting_ready import GettingReady

pytestmark = pytest.mark.anyio

PLACE = TP("changelog", 3)


class Clock:
    """As a real one: no two calls give the same."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app() -> faust.App:
    return faust.App("getting-ready-in-a-test", broker="kafka://127.0.0.1:9", store="memory://")


def test_it_tells_again_and_again_what_it_waits_for(app: faust.App, clock: Clock) -> None:
    getting_ready = GettingReady(app, clock)

    def look_for(seconds: int) -> Iterator[str]:
        for _ in range(seconds):
            clock.now += 1
            with capture_logs() as logs:
                getting_ready.look()
            yield from (f"{line['event']} {line['seconds']} {line['waits_for']}" for line in logs)

    sentence = "group getting-ready-in-a-test to share out its partitions"
    assert list(look_for(9)) == []
    assert list(look_for(12)) == [f"not_ready 10 {sentence}", f"not_ready 20 {sentence}"]
    assert getting_ready.waits_for == sentence


def test_a_server_that_it_needs_before_its_group_is_told_in_place_of_the_group(
    app: faust.App, clock: Clock
) -> None:
    getting_ready = GettingReady(app, clock)
    with getting_ready.waiting_for("ClickHouse at ch:8123 (DM_CLICKHOUSE_URL)"):
        assert getting_ready.waits_for == "ClickHouse at ch:8123 (DM_CLICKHOUSE_URL)"
        clock.now += 11
        with capture_logs() as logs:
            getting_ready.look()
        assert [line["waits_for"] for line in logs] == [getting_ready.waits_for]
    assert getting_ready.waits_for == "group getting-ready-in-a-test to share out its partitions"


async def test_each_step_has_its_sentence(app: faust.App, clock: Clock) -> None:
    getting_ready = GettingReady(app, clock)
    recovery = app.tables.recovery  # type: ignore[attr-defined]
    await app.on_partitions_assigned.send(set())
    recovery.active_tps.add(PLACE)
    getting_ready.look()
    assert getting_ready.waits_for == "the broker's word on where changelog/3 ends"
    recovery.active_highwaters[PLACE] = 40
    recovery.active_offsets[PLACE] = 30
    getting_ready.look()
    assert getting_ready.waits_for == "10 records of state, in changelog/3"
    await app.on_rebalance_complete.send()
    assert getting_ready.waits_for is None


async def test_what_was_told_has_an_end_in_the_log_and_what_was_not_has_none(
    app: faust.App, clock: Clock
) -> None:
    getting_ready = GettingReady(app, clock)
    for seconds, told in ((3, []), (30, ["not_ready", "ready_at_last"]), (3, [])):
        with capture_logs() as logs:
            clock.now += seconds
            getting_ready.look()
            await app.on_rebalance_complete.send()
        assert [line["event"] for line in logs] == told
        await app.on_partitions_revoked.send(set())
