"""Takes from this process the rights it has no use for: Landlock, of Linux 5.13 and later.

The second wall behind the guard of the read-only port. The engine can read any file and reach any
host that its process may; so the process may not. It reads the interpreter's folders and the data
folder, writes the data folder, and (Linux 6.7 and later) opens no TCP connection. Elsewhere, and in
containers that filter these calls, the guard stands alone.

Numbers and layouts: linux/landlock.h, and the kernel's documentation, "Landlock: unprivileged
access control". The calls have the same numbers on every architecture.
"""

import ctypes
import importlib.util
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ALL_V1 = (1 << 13) - 1
_REFER_V2, _TRUNCATE_V3, _IOCTL_V5 = 1 << 13, 1 << 14, 1 << 15
_CONNECT_TCP_V4 = 1 << 1

_FILE_RIGHTS = _EXECUTE | 1 << 1 | _READ_FILE | _TRUNCATE_V3 | _IOCTL_V5
"""What may be said of a path that is no folder."""


def confine(data: Path) -> bool:
    """For this process and all its threads to come, for good. False where the kernel can't.

    Call it before the engine is imported: threads that run already keep their rights.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    files = _ALL_V1
    files |= _REFER_V2 if version >= 2 else 0  # noqa: PLR2004 - versions of the kernel's interface
    files |= _TRUNCATE_V3 if version >= 3 else 0  # noqa: PLR2004
    files |= _IOCTL_V5 if version >= 5 else 0  # noqa: PLR2004
    network = _CONNECT_TCP_V4 if version >= 4 else 0  # noqa: PLR2004
    attributes = struct.pack("<QQ", files, network)[: 16 if network else 8]
    rules = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        for path in _readable():
            _allow(libc, rules, path, _READ & files)
        _allow(libc, rules, data, files)
        _allow(libc, rules, Path("/dev/null"), files)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _readable() -> Iterable[Path]:
    """Code, libraries and time zones. Not /etc, /home, /proc (whose `environ` holds secrets)."""
    # Not all of sys.path: it has the working folder, where a `.env` may lie.
    yield from (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1])
    engine = importlib.util.find_spec("chdb")
    if engine is not None and engine.origin is not None:
        yield Path(engine.origin).parents[1]
    yield from map(Path, ("/usr", "/lib", "/lib64", "/dev/urandom", "/dev/random"))
    # The C library asks for the stack's limits, the engine for processors and memory.
    for name in (
        "self/maps",
        "self/status",
        "self/statm",
        "self/stat",
        "meminfo",
        "cpuinfo",
        "stat",
    ):
        yield Path("/proc", name)
    for name in ("fs/cgroup", "devices/system", "kernel/mm/transparent_hugepage"):
        yield Path("/sys", name)
    yield from map(Path, ("/proc/sys/vm/overcommit_memory", "/etc/localtime", "/etc/timezone"))


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("<Qi", rights, folder), 0)
    finally:
        os.close(folder)
