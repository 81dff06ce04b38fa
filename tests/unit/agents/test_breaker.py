"""The circuit breaker, by its clock."""

from datetime import timedelta

from streams.agents.breaker import Breaker
from tests.unit.agents.sends import NOON

REST = timedelta(seconds=15)


def opened() -> Breaker:
    breaker = Breaker(threshold=3, rest=REST)
    for _ in range(3):
        breaker.record(trouble=True, at=NOON)
    return breaker


def test_it_opens_after_so_many_troubles_in_a_row() -> None:
    breaker = Breaker(threshold=3, rest=REST)
    for trouble in (True, True, False, True, True):
        breaker.record(trouble, NOON)
        assert breaker.blocked_until(NOON) is None
    breaker.record(trouble=True, at=NOON)
    assert breaker.blocked_until(NOON) == NOON + REST


def test_it_lets_one_attempt_through_per_rest() -> None:
    breaker, later = opened(), NOON + REST
    assert breaker.blocked_until(later) is None
    assert breaker.blocked_until(later) == later + REST


def test_an_answer_closes_it_and_more_trouble_opens_it_again() -> None:
    breaker, later = opened(), NOON + REST
    breaker.blocked_until(later)
    breaker.record(trouble=True, at=later)
    assert breaker.blocked_until(later + REST / 2) == later + REST
    breaker.blocked_until(later + REST)
    breaker.record(trouble=False, at=later + REST)
    assert breaker.blocked_until(later + REST) is None
