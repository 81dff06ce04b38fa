"""No child outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from streams.local import processes

PARENT = """
import sys, time
from pathlib import Path
from streams.local import processes
child = processes.start(
    [sys.executable, "-S", "-c", "import time; time.sleep(60)"], log_file=Path(sys.argv[1])
)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=5)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_who_asks_to_end_with_its_parent_gets_the_signal_it_named() -> None:
    """A grandchild that starts with its grandparent's end: as `dmstream up` under make."""
    child = """
import os, signal, sys, time
from streams.local import processes
processes.end_with_parent(os.getppid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *_: (print("asked", flush=True), sys.exit(0)))
print(os.getpid(), flush=True)
time.sleep(60)
"""
    between = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    parent = subprocess.Popen(
        [sys.executable, "-c", between, child], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    grandchild = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert parent.stdout.readline().strip() == "asked"
    parent.stdout.close()
    gone, alive = psutil.wait_procs([grandchild], timeout=5)
    assert (len(gone), alive) == (1, [])


def test_a_child_is_asked_to_stop_before_it_is_killed(tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7));"
    script += "print('ready', flush=True); time.sleep(60)"
    log = tmp_path / "logs" / "child.log"
    child = processes.start([sys.executable, "-S", "-c", script], log_file=log)
    while "ready" not in log.read_text():
        time.sleep(0.01)
    assert processes.stop(child) == 7


def test_a_terminals_interrupt_does_not_reach_a_child(tmp_path: Path) -> None:
    child = processes.start(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"], log_file=tmp_path / "log"
    )
    try:
        assert os.getpgid(child.pid) != os.getpgid(0)
    finally:
        assert processes.stop(child) == -signal.SIGTERM


def test_a_port_that_is_free_can_be_listened_on_and_one_that_is_taken_can_not() -> None:
    import socket  # noqa: PLC0415

    port = processes.free_port()
    assert processes.why_not_listen(port) is None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert processes.why_not_listen(port) is not None
        assert processes.is_listening(port)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_paused_process_does_nothing_more_until_it_may(tmp_path: Path) -> None:
    log = tmp_path / "log"
    count = "import itertools, sys\nfor n in itertools.count(): print(n, flush=True)"
    child = processes.start([sys.executable, "-c", count], log_file=log)
    try:
        wait_until(lambda: log.exists() and log.stat().st_size > 0)
        processes.pause(child)
        size = log.stat().st_size
        time.sleep(0.05)
        assert log.stat().st_size == size
        child.send_signal(signal.SIGCONT)
        wait_until(lambda: log.stat().st_size > size)
    finally:
        processes.stop(child, grace_seconds=0)
