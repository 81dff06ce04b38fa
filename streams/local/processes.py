"""Child processes that never outlive us: not after Ctrl-C, not after `kill -9` of this process."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded here, because a child between fork and exec must not take the loader's lock: another
# thread may have held it at the fork.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent(parent: int, how: signal.Signals) -> None:
    """Asks the kernel to send `how` to this process when process `parent` has ended.

    Only that parent counts: where it ended before the request, this process ends at once. Linux;
    elsewhere nothing happens, and a killed parent leaves its children to be ended by hand.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        os._exit(1)


def start(
    arguments: Sequence[str], *, log_file: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a child whose output goes to `log_file` (appended), in a process group of its own.

    The group keeps a terminal's Ctrl-C away from it: the parent decides the order of stopping.
    Call it from the main thread only: the kernel ends the child with the thread that started it.
    """
    parent = os.getpid()
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - arguments are ours
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            process_group=0,
            # Between fork and exec only two system calls are made: safe beside other threads.
            preexec_fn=lambda: end_with_parent(parent, signal.SIGKILL),  # noqa: PLW1509
        )


def stop(child: subprocess.Popen[bytes], *, grace_seconds: float = 5.0) -> int:
    """Asks (SIGTERM), waits, then kills. Returns the exit status."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def pause(child: "subprocess.Popen[bytes]") -> None:
    """SIGSTOP; returns once every thread stands still. The signal alone reaches them one by one,
    and a server answered once more (seen in a test). Linux."""
    child.send_signal(signal.SIGSTOP)
    while any(state not in "TZX" for state in _thread_states(child.pid)):
        time.sleep(0.001)


def _thread_states(pid: int) -> list[str]:
    """One letter each, as in proc(5)."""
    states = []
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            states.append(file.read_text().rpartition(") ")[2][0])
    return states


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) == 0


def why_not_listen(port: int, host: str = "127.0.0.1") -> OSError | None:
    """Why no server could bind there now; None where one could. Asks as servers do, so a closed
    one's leftover connections do not count. A host that is no name of anything is a
    `socket.gaierror`.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None
