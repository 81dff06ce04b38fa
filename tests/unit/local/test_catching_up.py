"""When the archive counts as complete, and when to say that it will not be."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import pytest

from streams.local.catching_up import Behind, NotCaughtUpError, catch_up


def looks(*seen: Behind) -> Callable[[], Awaitable[Behind]]:
    """Answers these one after another; the last for ever."""
    left = list(seen)

    async def look() -> Behind:
        return left.pop(0) if len(left) > 1 else left[0]

    return look


def behind(unread: int, unarchived: int, records: int = 10) -> Behind:
    return Behind(webhooks=10, unread=unread, undecided=0, records=records, unarchived=unarchived)


def caught_up(look: Callable[[], Awaitable[Behind]], into: list[tuple[int, int]]) -> Behind:
    """With a patience of 0.2 s, looking every 0.06 s."""
    waiting = catch_up(look, progress=told(into), patience_seconds=0.2, every_seconds=0.06)
    return asyncio.run(waiting)


def told(into: list[tuple[int, int]]) -> Callable[[int, int], None]:
    return lambda done, total: into.append((done, total))


def test_it_waits_until_nothing_is_left_and_tells_how_far_it_is() -> None:
    progress: list[tuple[int, int]] = []
    look = looks(behind(3, 5), behind(0, 2), behind(0, 0))
    assert caught_up(look, progress).caught_up
    assert progress == [(5, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize(("unread", "unarchived"), [(1, 0), (0, 1)])
def test_an_unread_webhook_or_an_unarchived_record_is_not_caught_up(
    unread: int, unarchived: int
) -> None:
    assert not behind(unread, unarchived).caught_up


def test_standing_still_ends_the_wait_with_how_much_is_left() -> None:
    look = looks(behind(3, 5))
    with pytest.raises(NotCaughtUpError, match=r"3 records are not read and 5 not archived"):
        caught_up(look, [])


def test_slow_but_steady_is_not_standing_still() -> None:
    def falling() -> Iterable[Behind]:
        return (behind(0, left) for left in (5, 4, 3, 2, 1, 0))

    began = time.monotonic()
    caught_up(looks(*falling()), [])
    assert time.monotonic() - began > 0.2
