"""Threads for the engine's blocking calls, which can be waited for with an end to the patience."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """Runs at most `count` calls at once; the rest wait."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self._running: set[Future[Any]] = set()

    def submit(self, call: Callable[..., T], *arguments: object) -> Future[T]:
        future = self._pool.submit(call, *arguments)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.wrap_future(self.submit(call, *arguments))

    def idle(self, seconds: float) -> bool:
        """Blocks until nothing runs: True; or the time is over: False."""
        return not wait(set(self._running), timeout=seconds).not_done

    def close(self) -> None:
        """Takes no more calls. What runs goes on."""
        self._pool.shutdown(wait=False, cancel_futures=True)
