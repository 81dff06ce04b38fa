"""Which processes run, told by notes that a crash may leave behind."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from streams.monitoring import probe
from streams.monitoring.running import Note, folder_of, noted, one, running
from streams.monitoring.server import MonitorServer, Verdict


def test_a_process_is_found_as_long_as_it_runs(tmp_path: Path) -> None:
    assert running(tmp_path) == []
    with noted(tmp_path, "history", 9463):
        (note,) = running(tmp_path)
        assert (note.name, note.pid, note.port) == ("history", os.getpid(), 9463)
        assert one(tmp_path, os.getpid()) == note
        assert one(tmp_path, 1) is None
    assert running(tmp_path) == []


def test_notes_that_a_killed_process_left_are_not_believed(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from streams.monitoring.running import noted\n"
        f"with noted(Path({str(tmp_path)!r}), 'history', 1): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert len(list(folder_of(tmp_path).iterdir())) == 1
    assert running(tmp_path) == []


def test_another_process_with_the_same_id_is_not_taken_for_it(tmp_path: Path) -> None:
    with noted(tmp_path, "history", 1):
        (note,) = running(tmp_path)
    write(tmp_path, replace(note, began=note.began - 1))
    assert running(tmp_path) == []


def test_a_file_that_is_no_note_is_passed_over(tmp_path: Path) -> None:
    folder_of(tmp_path).mkdir()
    for number, text in enumerate(["", "{}", "[]", '{"name": "x"}', "no json"]):
        (folder_of(tmp_path) / f"x-{number}.json").write_text(text)
    assert running(tmp_path) == []


def write(folder: Path, note: Note) -> None:
    (folder_of(folder) / "again-1.json").write_text(json.dumps(asdict(note)))


def test_the_probe_of_a_container_is_good_only_if_something_runs_and_gets_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DM_DATA_DIR", str(tmp_path))
    assert probe.main() == 1, "nothing runs"
    verdict = [Verdict(True, "gets on")]
    server = MonitorServer("127.0.0.1", 0, live=lambda: verdict[0], ready=lambda: verdict[0])
    server.start()
    try:
        with noted(tmp_path, "history", server.port):
            assert probe.main() == 0
            verdict[0] = Verdict(False, "stands still")
            assert probe.main() == 1
    finally:
        server.stop()
    assert "history: stands still" in capsys.readouterr().out
