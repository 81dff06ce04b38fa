"""What is there together is worked on together."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents import gathering

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def of_queue(queue: "asyncio.Queue[Any]") -> AsyncIterator[Any]:
    while (item := await queue.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


def gathered(source: AsyncIterator[int], most: int = 100) -> AsyncGenerator[list[int], None]:
    """Items of one record each."""
    return gathering.gathered(source, lambda: most, lambda _: 1)


def queue_of(*items: Any) -> "asyncio.Queue[Any]":
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for item in items:
        queue.put_nowait(item)
    return queue


async def test_all_that_is_there_comes_as_one_list_in_its_order() -> None:
    lists = gathered(of_queue(queue_of(1, 2, 3, None)))
    assert [found async for found in lists] == [[1, 2, 3]]


async def test_a_list_is_bounded() -> None:
    lists = gathered(of_queue(queue_of(1, 2, 3, 4, 5, None)), most=2)
    assert [found async for found in lists] == [[1, 2], [3, 4], [5]]


async def test_a_backlog_is_taken_on_in_parts_that_a_session_has_time_for() -> None:
    """All of it at once took longer than the session, and the worker began anew, for ever."""
    batches = [SimpleNamespace(value=[None] * 2_000) for _ in range(5)]
    lists = gathering.gathered(of_queue(queue_of(*batches, None)))
    assert [len(found) async for found in lists] == [2, 2, 1]


async def test_what_comes_meanwhile_is_the_next_list_and_nothing_is_waited_for() -> None:
    queue = queue_of(1)
    lists = gathered(of_queue(queue))
    assert await anext(lists) == [1]
    queue.put_nowait(2)
    queue.put_nowait(3)
    assert await anext(lists) == [2, 3]
    waiting = asyncio.ensure_future(anext(lists))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    queue.put_nowait(4)
    assert await waiting == [4]
    await lists.aclose()


async def test_what_came_before_an_error_is_handed_over_before_it_is_raised() -> None:
    lists = gathered(of_queue(queue_of(1, RuntimeError("broken"))))
    assert await anext(lists) == [1]
    with pytest.raises(RuntimeError, match="broken"):
        await anext(lists)
