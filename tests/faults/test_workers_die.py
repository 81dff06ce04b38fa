"""Workers that end, stop, come and go without a word, at the worst moments."""

import time

import pytest

from streams.local import processes
from tests.faults.dying import POINTS
from tests.faults.field import ALL, Field

pytestmark = [pytest.mark.pipeline, pytest.mark.faults, pytest.mark.long]

DYING = "tests.faults.dying"
SESSION_SECONDS = 6.0
"""The longest of those that the tests' brokers are given."""


@pytest.mark.parametrize(
    "points",
    [
        ("before-the-insert", "before-the-events", "before-the-note"),
        ("between-the-tables", "before-the-changelog", "before-the-request"),
        ("before-the-commit", "before-the-acknowledgement", "before-the-outcome"),
        ("after-the-outcome",),
    ],
    ids="-and-".join,
)
def test_kill_9_at_a_named_point_loses_and_doubles_nothing(
    field: Field, points: tuple[str, ...]
) -> None:
    """Whatever a worker was about to do when it was killed, each message is in the archive once,
    the state is the fold of the log, and no send leaves twice."""
    running = field.running
    field.feed(field.deliveries(40))
    field.wait_for_people()
    dying = {}
    for point in points:
        name = POINTS[point][0].value
        running.kill(name)
        running.launch(name, DYING, point)
        dying[name] = running.children.pop(name)
    feeding = field.feeding(60, 60)
    field.answer(6)
    deadline = time.monotonic() + 90
    for name in ("conversations", "history", "delivery"):
        if name not in dying:
            continue
        while dying[name].poll() is None:
            running.look_after()
            assert time.monotonic() < deadline, f"{name} never came to {points}"
            time.sleep(0.05)
        assert dying[name].returncode == -9, running.log(name)
        running.start(name)
    feeding.result()
    field.drain()
    field.assert_clean()


def test_kills_in_a_burst_lose_and_double_nothing(field: Field) -> None:
    """Ten kills within some seconds, of any process, most of them before it had done anything."""
    feeding = field.feeding(200, 40)
    field.wait_for_people()
    for _ in range(10):
        name = field.chance.choice(("gateway", *ALL))
        field.running.kill(name)
        field.running.launch(name)
        field.answer(2)
        time.sleep(field.chance.uniform(0.1, 1.0))
    for name in ("gateway", *ALL):
        field.running.wait_until_ready(name)
    feeding.result()
    field.drain()
    field.assert_clean()


def test_a_worker_that_wakes_up_after_its_session_neither_writes_nor_commits(field: Field) -> None:
    """All three are stopped with work in their hands for twice their session; others take over;
    then the old owners wake up, and the new ones' work stands."""
    running = field.running
    field.feed(field.deliveries(40))
    field.wait_for_people()
    feeding = field.feeding(250, 20)
    field.answer(5)
    for name in ALL:
        running.freeze(name)
    frozen = {name: running.children.pop(name) for name in ALL}
    for name in ALL:
        running.launch(f"{name}.2")
    began = time.monotonic()
    for name in ALL:
        running.wait_until_ready(f"{name}.2")
    field.answer(5)
    time.sleep(max(0.0, 2 * SESSION_SECONDS - (time.monotonic() - began)))
    commits = len(field.recorder.commits)
    running.children.update(frozen)
    running.revives = True  # one that finds its lease over ends itself, as it should
    for name in ALL:
        running.thaw(name)
    time.sleep(2.0)
    field.answer(5)
    feeding.result()
    field.drain()
    running.revives = False
    assert len(field.recorder.commits) > commits
    field.assert_clean()
    for name in ALL:
        processes.stop(running.children.pop(f"{name}.2"), grace_seconds=15)


def test_workers_that_come_go_and_are_rolled_under_load_change_nothing(field: Field) -> None:
    """A second one of each joins, the first ones leave, others take their place, one by one."""
    running = field.running
    feeding = field.feeding(300, 30)
    field.wait_for_people()
    for name in ALL:
        running.launch(f"{name}.2")
    for name in ALL:
        running.wait_until_ready(f"{name}.2")
        field.answer(3)
    for name in ALL:
        assert processes.stop(running.children.pop(name), grace_seconds=20) == 0
        running.start(name)
        field.answer(3)
    for name in ALL:
        assert processes.stop(running.children.pop(f"{name}.2"), grace_seconds=20) == 0
    feeding.result()
    field.drain()
    field.assert_clean()
