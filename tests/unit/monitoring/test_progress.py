"""What counts as progress, told second by second."""

from hypothesis import given
from hypothesis import strategies as st

from streams.monitoring.progress import Position, Progress

PATIENCE = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[Progress, Clock]:
    clock = Clock()
    return Progress(PATIENCE, clock), clock


def test_lag_and_no_commit_for_longer_than_the_patience_is_standing_still() -> None:
    progress, clock = made()
    progress.look({"p": Position(5, 9)})
    clock.now += PATIENCE
    assert progress.look({"p": Position(5, 12)}) == {"p": PATIENCE}
    assert not progress.standing_still
    clock.now += 1
    assert progress.standing_still == ["p"]


def test_one_commit_is_progress_however_much_is_left() -> None:
    progress, clock = made()
    progress.look({"p": Position(5, 9)})
    clock.now += PATIENCE + 1
    assert progress.look({"p": Position(6, 10_000)}) == {"p": 0.0}
    assert not progress.standing_still


def test_a_partition_without_lag_never_stands_still_and_its_time_begins_with_the_next_record() -> (
    None
):
    progress, clock = made()
    for _ in range(10):
        progress.look({"p": Position(5, 5)})
        clock.now += PATIENCE
    progress.look({"p": Position(5, 6)})
    clock.now += PATIENCE - 1
    progress.look({"p": Position(5, 6)})
    assert not progress.standing_still


def test_one_partition_that_stands_still_is_seen_beside_others_that_move() -> None:
    progress, clock = made()
    for done in range(100):
        progress.look({"moves": Position(done, 1000), "stands": Position(3, 4)})
        clock.now += 1
    assert progress.standing_still == ["stands"]


def test_a_partition_that_was_given_away_is_forgotten() -> None:
    progress, clock = made()
    progress.look({"p": Position(5, 9)})
    clock.now += PATIENCE + 1
    progress.look({})
    progress.look({"p": Position(5, 9)})
    assert not progress.standing_still


def test_a_server_that_is_away_excuses_as_long_as_it_is_tried_again() -> None:
    progress, clock = made()
    progress.look({"p": Position(5, 9)})
    for _ in range(10):
        progress.excuse()
        clock.now += PATIENCE - 1
        progress.look({"p": Position(5, 9)})
        assert not progress.standing_still
    clock.now += 2
    assert progress.standing_still == ["p"]


def test_who_no_longer_looks_is_known_by_it() -> None:
    progress, clock = made()
    assert progress.is_looking, "at the start nobody has looked, and nothing is wrong"
    progress.look({})
    clock.now += PATIENCE + 1
    assert not progress.is_looking


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans(), st.integers(0, 3)), max_size=60))
def test_it_stands_still_exactly_if_lag_without_a_commit_lasted(
    steps: list[tuple[float, bool, int]],
) -> None:
    """Against a plain history of what was seen when."""
    progress, clock = made()
    committed, end, since = 0, 0, clock.now
    for seconds, commits, more in steps:
        clock.now += seconds
        had_lag = end > committed
        moved = commits and had_lag
        committed = end if moved else committed
        end += more
        if moved or not had_lag or end == committed:
            since = clock.now
        progress.look({"p": Position(committed, end)})
        assert bool(progress.standing_still) == (clock.now - since > PATIENCE)
