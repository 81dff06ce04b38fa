"""Sends that rest until their time has come, and what wakes them earlier."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Resting:
    clock: Callable[[], datetime]
    sleep: Callable[[float], Coroutine[Any, Any, None]]
    _woken: dict[str, set[asyncio.Event]] = field(default_factory=dict)
    """By conversation: one for each that rests."""

    async def rest(self, conversation: str, until: datetime, enough: Callable[[], bool]) -> None:
        """Sleeps until then, or until `enough`, which is asked at each `wake`."""
        while not enough():
            seconds = (until - self.clock()).total_seconds()
            if seconds <= 0:
                return
            woken = asyncio.Event()
            resting = self._woken.setdefault(conversation, set())
            resting.add(woken)
            ways = [asyncio.create_task(self.sleep(seconds)), asyncio.create_task(woken.wait())]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                resting.discard(woken)
                if not resting:
                    self._woken.pop(conversation, None)

    def wake(self, conversation: str) -> None:
        for woken in self._woken.get(conversation, ()):
            woken.set()

    def wake_all(self) -> None:
        for conversation in self._woken:
            self.wake(conversation)
