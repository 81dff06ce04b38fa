"""Facts are computed again and again, and trouble is waited out."""

import asyncio

import pytest

from sinks.errors import ArchiveUnavailable
from sinks.facts import Refreshed
from streams.agents.computing import keep_computed


def test_trouble_is_waited_out_and_the_work_goes_on() -> None:
    waits: list[float] = []
    answers = [
        Refreshed(3, 1),
        ArchiveUnavailable("dm.conversation_facts: no answer", retry_after=1.0),
        ArchiveUnavailable("dm.conversation_facts: no answer", retry_after=1.0),
        Refreshed(0, 0),
    ]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not answers:
            raise asyncio.CancelledError

    def refresh() -> Refreshed:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_computed(refresh, sleep=sleep, every=2.0))
    assert waits == [2.0, 2.0, 4.0, 8.0, 2.0]


def test_a_round_that_took_long_is_followed_by_a_longer_rest() -> None:
    waits: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise asyncio.CancelledError

    def refresh() -> Refreshed:
        nonlocal now
        now += 5.0 if len(waits) == 1 else 0.1
        return Refreshed(1, 1)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_computed(refresh, sleep=sleep, every=2.0, clock=lambda: now))
    assert waits == [2.0, 15.0, 2.0]


def test_behind_a_backlog_facts_are_computed_twice_a_minute() -> None:
    now, rounds = 0.0, list[float]()
    behind = iter([True] * 30 + [False] * 3)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        if len(rounds) == 4:
            raise asyncio.CancelledError

    def refresh() -> Refreshed:
        rounds.append(now)
        return Refreshed(1, 1)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(
            keep_computed(
                refresh, is_behind=lambda: next(behind), sleep=sleep, every=2.0, clock=lambda: now
            )
        )
    # Each 30 seconds; and soon, once it has caught up.
    assert rounds == [30.0, 60.0, 62.0, 64.0]
