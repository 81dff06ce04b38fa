"""One `dmstream up` per data folder: two would write one archive under two logs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataFolderError(RuntimeError):
    """The data folder can't be used; the sentence says why and what to do."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Makes the folder where it is missing and holds it. Raises DataFolderError.

    The kernel lets go of the lock when this process ends, however it ends: no stale lock exists.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(
            f"the data folder {folder} can't be written ({error.strerror}): "
            "set DM_DATA_DIR to a folder that can"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataFolderError(
                f"the data folder {folder} is in use by another `dmstream up` (process {holder}): "
                "stop that one, or set DM_DATA_DIR to another folder"
            ) from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
