"""A log that can't be written, with the kernel's own full disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.monitoring.log_file import _Descriptor

FULL = Path("/dev/full")
PROGRAM = """
import logging, structlog
from streams.monitoring import logs, metrics

logs.configure("history")
for _ in range(3):
    structlog.get_logger().error("worth knowing")
logging.getLogger("faust").error("worth knowing too")
print(metrics.LOG_LINES_LOST._value.get())
"""


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_costs_the_lines_and_neither_the_work_nor_the_exit_code() -> None:
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=True,
        )
    assert ran.stdout == "4.0\n"


def test_the_line_after_one_that_was_cut_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk takes what it has room for, and there may be room again."""
    room, kept = [4], b""

    def write(_: int, data: bytes) -> int:
        nonlocal kept
        if not room:
            raise OSError(28, "No space left on device")
        taken = data[: room.pop(0)]
        kept += taken
        return len(taken)

    monkeypatch.setattr("os.write", write)
    file = _Descriptor(2)
    file.write(b'{"event": "one"}\n')
    file.write(b'{"event": "two"}\n')
    room.append(100)
    file.write(b'{"event": "three"}\n')
    assert kept == b'{"ev\n{"event": "three"}\n'
