"""Takes together what is there together: batches of several partitions share their requests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from streams.agents.portion import LARGEST

# Of the loop, in which Faust's stream hands over what is in its queue.
_TURNS = 8
_END: Any = object()


def _records_of(batch: Any) -> int:
    return len(batch.value)


async def gathered(
    source: AsyncIterator[Any],
    most: Callable[[], int] = lambda: LARGEST,
    size: Callable[[Any], int] = _records_of,
) -> AsyncGenerator[list[Any], None]:
    """Lists of items of `source`, in its order: the next one, and with it all that can be had
    without waiting, until together they hold `most()` records (the last one may go beyond). Ends as
    `source` does, and raises what it raises.

    At low rates a partition's batch holds one record. Working on such batches one after another,
    each with its own requests to the broker, is what bounds a worker then.
    """
    coming = asyncio.create_task(_next(source))
    try:
        while (item := await coming) is not _END:
            found, held = [item], size(item)
            coming = asyncio.create_task(_next(source))
            while held < most() and await _is_there(coming):
                found.append(coming.result())
                held += size(found[-1])
                coming = asyncio.create_task(_next(source))
            yield found
    finally:
        coming.cancel()


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source, _END)


async def _is_there(coming: "asyncio.Task[Any]") -> bool:
    """Whether it is known within some turns of the loop, and is an item."""
    for _ in range(_TURNS):
        if coming.done():
            break
        await asyncio.sleep(0)
    return coming.done() and coming.exception() is None and coming.result() is not _END
