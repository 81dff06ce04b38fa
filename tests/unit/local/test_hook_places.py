"""Where webhook subscriptions go on after the embedded broker forgot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.hooks import HookProgress, HookRecord
from sinks.incarnations import UNLOGGED
from streams.hooks.copied_cursors import drop_cursors, read_cursors, write_cursors
from streams.hooks.directory import deleted, new_hook, replay_of
from streams.local.hook_places import HookPlaces
from streams.settings import Settings

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)


def hook(profile: str = "shop", start: int = 0, log: str = "old") -> HookRecord:
    return new_hook(
        profileid=profile, action="messages", url="https://h.example.com/", secret="0123456789",
        reference="r", place=(log, start), at=NOW,
    )  # fmt: skip


def cursors(offset: int, *rest: Any, log: str = "old", of: HookRecord | None = None) -> Any:
    return {log: {(of or hook()).hook_id: [offset, *(rest or (0, None, None, 0))]}}


def carried(places: HookPlaces, origins: list[str], end: int | None = None) -> list[HookRecord]:
    """The log is put back, the profile's events at offsets 0, 1, ..."""
    for number, origin in enumerate(origins):
        for place in places.goes_on_at(b"shop", origin):
            place.offset = number
    return places.carried("new", {"shop": len(origins) if end is None else end})


@given(st.lists(st.integers(0, 1_000), unique=True, max_size=50), st.integers(0, 1_001))
def test_it_goes_on_with_the_first_event_that_it_had_not_passed(
    offsets: list[int], cursor: int
) -> None:
    log = sorted(offsets)
    places = HookPlaces.of([hook()], cursors(cursor))
    [found] = carried(places, [f"old/3/{offset}" for offset in log])
    if not log:
        assert found == hook()  # the archive has nothing of that log
        return
    assert found.log == "new"
    assert found.resumed is not None
    assert [offset for offset in log if offset >= cursor] == log[found.from_offset :]


def test_its_retries_come_along_with_the_event_that_they_are_of() -> None:
    places = HookPlaces.of([hook()], cursors(5, 7, 100, 50, 900))
    [found] = carried(places, ["old/0/4", "old/0/5"])
    assert found.from_offset == 1
    assert found.resumed == HookProgress(
        attempts=7, tried_since=100, failing_since=50, not_before=900
    )


def test_one_that_the_worker_never_saw_begins_where_it_was_made() -> None:
    [found] = carried(HookPlaces.of([hook(start=2)], {}), ["old/0/1", "old/0/2"])
    assert found.from_offset == 1


def test_one_that_was_made_again_does_not_go_back_to_its_earlier_life() -> None:
    [found] = carried(HookPlaces.of([hook(start=5)], cursors(1)), ["old/0/1", "old/0/5"])
    assert found.from_offset == 1


def test_of_a_log_that_nobody_knows_nothing_that_was_put_back_is_told() -> None:
    known = hook(log="forgotten")
    assert carried(HookPlaces.of([known], {}), ["old/0/1"]) == [known]


def test_others_events_and_those_of_deleted_ones_move_nothing() -> None:
    gone = deleted(hook(), NOW)
    assert carried(HookPlaces.of([gone], cursors(0)), ["old/0/1"]) == [gone]
    places = HookPlaces.of([hook("other")], cursors(0, of=hook("other")))
    [found] = carried(places, ["old/0/1"])
    assert found.from_offset == 0  # its partition's end, of which nothing is told here


def test_what_a_kill_kept_from_the_log_is_told_for_at_least_once_is_promised() -> None:
    places = HookPlaces.of([hook()], cursors(9))
    [found] = carried(places, ["old/0/1", "old/0/8", UNLOGGED])
    assert found.from_offset == 2


def test_a_start_that_was_killed_before_its_archive_had_the_log_again_goes_by_the_log_before() -> (
    None
):
    known = hook(log="new-but-killed", start=0)
    both = {**cursors(4, of=known), **cursors(1, log="new-but-killed", of=known)}
    [found] = carried(HookPlaces.of([known], both), ["old/0/3", "old/0/4"])
    assert found.from_offset == 1


def test_a_replay_goes_on_and_ends_with_what_was_put_back() -> None:
    range_ = replay_of(
        hook(), replay_id="0" * 16, since=NOW, until=NOW, place=("old", 3, 8), events=5, at=NOW
    )
    places = HookPlaces.of([range_], cursors(6, of=range_))
    [found] = carried(places, ["old/0/3", "old/0/6"], end=40)
    assert found.from_offset == 1
    assert found.replay is not None
    assert found.replay.until_offset == 40


def test_the_copies_of_cursors_are_read_as_they_were_written(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert read_cursors(settings) == {}
    write_cursors(settings, "log-1", 0, {"a": [1, 0, None, None, 0]})
    write_cursors(settings, "log-1", 12, {"b": [2, 0, None, None, 0]})
    write_cursors(settings, "log-2", 0, {"a": [3, 0, None, None, 0]})
    (tmp_path / "run" / "hook_cursors" / "log-2-1.json").write_bytes(b"half")
    found = read_cursors(settings)
    assert found["log-1"] == {"a": [1, 0, None, None, 0], "b": [2, 0, None, None, 0]}
    assert found["log-2"] == {"a": [3, 0, None, None, 0]}
    drop_cursors(settings, but={"log-2"})
    assert set(read_cursors(settings)) == {"log-2"}
