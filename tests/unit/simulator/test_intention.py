"""The file of what was meant."""

from pathlib import Path

import pytest

from streams.simulator.intention import UnreadableIntentionError, read
from tests.unit.simulator.days import a_small_day


def test_a_file_says_again_what_was_written(tmp_path: Path) -> None:
    intention = a_small_day().intention
    intention.write(tmp_path / "meant.jsonl")
    assert read(tmp_path / "meant.jsonl") == intention


def test_times_in_the_file_are_for_people(tmp_path: Path) -> None:
    a_small_day().intention.write(tmp_path / "meant.jsonl")
    header, message, *_ = (tmp_path / "meant.jsonl").read_text().splitlines()
    assert '"until":"2026-11-22T15:00:00.000Z"' in header
    assert '"sent_at":"2026-' in message


def test_a_file_cut_off_or_of_another_kind_is_refused_and_the_line_named(tmp_path: Path) -> None:
    path = tmp_path / "meant.jsonl"
    a_small_day().intention.write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:40])
    with pytest.raises(UnreadableIntentionError, match="line 4"):
        read(path)
    path.write_bytes(b"".join(lines[1:]))
    with pytest.raises(UnreadableIntentionError, match="no header"):
        read(path)


def test_an_unreadable_line_is_reported_without_what_it_says(tmp_path: Path) -> None:
    """Invariant 11."""
    path = tmp_path / "meant.jsonl"
    path.write_bytes(b'{"kind":"message","text":"very private"}\n')
    with pytest.raises(UnreadableIntentionError) as error:
        read(path)
    assert "private" not in str(error.value)
    assert error.value.__cause__ is None
