"""A gateway that takes nothing more, so that what was taken can be worked off: `dmstream drain`."""

import asyncio
import signal
from contextlib import suppress

import structlog

from streams.gateway import answers
from streams.gateway.keep import NotKeptError

RETRY_SECONDS = 30
DRAIN_SIGNAL = signal.SIGUSR1
TAKE_SIGNAL = signal.SIGUSR2

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_WHY = NotKeptError(
    "draining", "this gateway takes nothing just now; send again", retry_after=RETRY_SECONDS
)
REFUSED = answers.error(503, _WHY.reason, _WHY.message, {"retry-after": str(_WHY.retry_after)})

_log = structlog.get_logger()


class Draining:
    """SIGUSR1 turns it on, SIGUSR2 off: who may send signals may stop the process anyway."""

    def __init__(self) -> None:
        self.is_on = False

    def refuses(self, method: str) -> bool:
        """Reading goes on: health, handshakes, histories."""
        return self.is_on and method not in _SAFE

    def check(self) -> None:
        """Raises NotKeptError while nothing is taken."""
        if self.is_on:
            raise NotKeptError(_WHY.reason, _WHY.message, retry_after=_WHY.retry_after)

    def listen(self) -> None:
        """On the running loop, where that is the main thread's."""
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError, ValueError):  # a loop of a test's thread has no signals
            loop.add_signal_handler(DRAIN_SIGNAL, self._turn, True)
            loop.add_signal_handler(TAKE_SIGNAL, self._turn, False)

    def _turn(self, on: bool) -> None:
        self.is_on = on
        _log.info("draining: requests are answered 503" if on else "taking requests again")
