"""What is there together is worked on together."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.agents.gathering import gathered

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def of_queue(queue: "asyncio.Queue[int | Exception | None]") -> AsyncIterator[int]:
    while (item := await queue.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


def queue_of(*items: int | Exception | None) -> "asyncio.Queue[int | Exception | None]":
    queue: asyncio.Queue[int | Exception | None] = asyncio.Queue()
    for item in items:
        queue.put_nowait(item)
    return queue


async def test_all_that_is_there_comes_as_one_list_in_its_order() -> None:
    lists = gathered(of_queue(queue_of(1, 2, 3, None)))
    assert [found async for found in lists] == [[1, 2, 3]]


async def test_a_list_is_bounded() -> None:
    lists = gathered(of_queue(queue_of(1, 2, 3, 4, 5, None)), limit=2)
    assert [found async for found in lists] == [[1, 2], [3, 4], [5]]


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
