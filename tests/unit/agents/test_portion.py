"""How much is taken on at once, on machines of all kinds."""

import pytest

from streams.agents.portion import LARGEST, SMALLEST, Portion

SESSION = 4.0


def worked(portion: Portion, seconds_per_record: float, batches: int, backlog: int) -> list[float]:
    """The seconds of each portion of a backlog."""
    took = []
    for _ in range(batches):
        count = min(backlog, portion.records)
        took.append(count * seconds_per_record)
        portion.took(count, took[-1])
    return took


def test_a_quick_machine_takes_on_the_most_after_four_portions() -> None:
    portion = Portion(SESSION)
    worked(portion, 80e-6, 4, backlog=1_000_000)
    assert portion.records == LARGEST


@pytest.mark.parametrize("times_slower", [1, 10, 50, 150])
def test_no_portion_of_a_machine_that_stays_as_slow_takes_longer_than_a_session(
    times_slower: int,
) -> None:
    """A fixed one of 4,000 took longer from twelve times on, and was begun anew for ever."""
    took = worked(Portion(SESSION), times_slower * 80e-6, 50, backlog=1_000_000)
    assert max(took) < SESSION


def test_one_that_becomes_four_times_as_busy_is_still_in_time() -> None:
    portion = Portion(SESSION)
    worked(portion, 200e-6, 50, backlog=1_000_000)
    assert max(worked(portion, 4 * 200e-6, 50, backlog=1_000_000)) < SESSION
    assert SMALLEST <= portion.records < LARGEST


def test_little_work_says_nothing_of_much() -> None:
    portion = Portion(SESSION)
    worked(portion, 1e-6, 50, backlog=10)
    assert portion.records == SMALLEST
