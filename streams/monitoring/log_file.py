"""Where log lines go. One that can't be written is lost and counted: the disk that a log fills is
no reason to stop work that needs no disk, and an error from a line about something else would end
an agent in the middle of it.
"""

import io
import os
from typing import TextIO

from streams.monitoring import metrics


def lasting(stream: TextIO) -> TextIO:
    """Writes whole lines where `stream` does, which must be a file, pipe or terminal. Nothing waits
    in a buffer of this one, so nothing of it is left that would fail when the process ends."""
    return io.TextIOWrapper(
        _Descriptor(stream.fileno()),  # type: ignore[type-var]  # of which it calls write alone
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )


class _Descriptor(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_cut = False
        """What was written last is the beginning of a line: the next must not become its end."""

    def writable(self) -> bool:
        return True

    def write(self, line: bytes) -> int:  # type: ignore[override]  # of TextIOWrapper: bytes
        left = b"\n" + line if self._is_cut else line
        try:
            while left:
                written = os.write(self._descriptor, left)
                left = left[written:]
                self._is_cut = bool(left)
        except OSError:
            metrics.LOG_LINES_LOST.inc()
        return len(line)
