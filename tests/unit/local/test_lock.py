"""One `up` per data folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.local import lock

HOLDER = """
import sys, time
from pathlib import Path
from streams.local import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold_in_another_process(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_up_on_the_same_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    holder = hold_in_another_process(tmp_path)
    try:
        with (
            pytest.raises(lock.DataFolderError, match=f"process {holder.pid}"),
            lock.hold(tmp_path),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    holder = hold_in_another_process(tmp_path)
    holder.kill()
    holder.communicate()
    with lock.hold(tmp_path):
        assert (tmp_path / "up.lock").read_text() == f"{os.getpid()}\n"


def test_the_folder_is_made_and_can_be_held_again_after_its_release(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        with lock.hold(folder):
            assert folder.is_dir()


def test_a_folder_that_can_not_be_is_told_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(lock.DataFolderError, match="set DM_DATA_DIR"), lock.hold(file / "data"):
        pass
