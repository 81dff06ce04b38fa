from pathlib import Path

from streams.local.logs import set_aside_large


def test_a_large_log_is_set_aside_and_a_small_one_goes_on(tmp_path: Path) -> None:
    (tmp_path / "small.log").write_text("kept")
    with (tmp_path / "large.log").open("wb") as large:
        large.truncate(17 * 1024 * 1024)
    (tmp_path / "large.log.1").write_text("the one before")
    set_aside_large(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"small.log", "large.log.1"}
    assert (tmp_path / "large.log.1").stat().st_size == 17 * 1024 * 1024


def test_no_folder_yet_is_nothing_to_set_aside(tmp_path: Path) -> None:
    set_aside_large(tmp_path / "logs")
