"""Which processes of a data folder run on this machine, and where each is watched.

Each process notes itself in `<data folder>/run` while it runs. A note that a killed one left behind
is told by its process id, which is gone or another's by then.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    name: str
    """`gateway`, or a worker's name."""
    pid: int
    port: int
    """Of its monitor on this machine; 0: none."""
    began: float
    """As Linux counts it: with the process id it names one process."""


def folder_of(data_dir: Path) -> Path:
    return data_dir / "run"


@contextmanager
def noted(data_dir: Path, name: str, port: int) -> Iterator[None]:
    """As long as it is entered, `running` finds this process."""
    note = Note(name, os.getpid(), port, _began(os.getpid()) or 0.0)
    folder = folder_of(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{note.pid}.json"
    file.write_text(json.dumps(asdict(note)))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running(data_dir: Path) -> list[Note]:
    """By name and process id."""
    found = []
    for file in sorted(folder_of(data_dir).glob("*-*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            note = Note(**json.loads(file.read_text()))
            if _began(note.pid) == note.began:
                found.append(note)
    return found


def one(data_dir: Path, pid: int) -> Note | None:
    return next((note for note in running(data_dir) if note.pid == pid), None)


def _began(pid: int) -> float | None:
    """When a process began, by Linux's own count; elsewhere 0 while it is there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return 0.0 if _is_there(pid) else None
    except OSError:
        return None
    return None if fields[0] == "Z" else float(fields[19])


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
