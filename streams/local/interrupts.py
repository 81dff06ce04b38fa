"""Ctrl-C: the first asks for an orderly stop, the second kills at once."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code, as shells have it."""

# SIGHUP: the terminal was closed. It stops as cleanly as the others.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signal(
    *, kill: Callable[[], None], tell: Callable[[str], None]
) -> Iterator[asyncio.Event]:
    """The event is set by the first signal. The second calls `kill` and ends this process."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if asked.is_set():
            kill()
            os._exit(INTERRUPTED)
        tell("stopping; once more kills at once")
        asked.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield asked
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
