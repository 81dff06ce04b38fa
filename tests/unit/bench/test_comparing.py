"""How the benchmarks compare and tell: what would make a figure wrong without a word."""

from pathlib import Path
from typing import Any

import pytest

from bench import results
from bench.expected import expected
from bench.harness import Outcome, Sample, Side, alternate, compared


class NoBar:
    def add_task(self, *_: Any, **__: Any) -> int:
        return 0

    def update(self, *_: Any, **__: Any) -> None: ...

    def advance(self, *_: Any, **__: Any) -> None: ...


def sample(rate: float) -> Sample:
    return Sample(units=int(rate * 10), wall_seconds=10.0, core_seconds=5.0)


def test_sides_take_turns_and_every_second_round_the_other_way_round() -> None:
    order: list[tuple[str, int]] = []

    def run(name: str, number: int) -> Sample:
        order.append((name, number))
        return sample(100)

    sides = [Side(name, lambda number, name=name: run(name, number)) for name in ("a", "b")]
    found = alternate(sides, 3, NoBar(), "title")  # type: ignore[arg-type]
    assert order == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert {name: len(samples) for name, samples in found.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("goal", "met", "near"), [(2.0, True, True), (3.0, False, True), (5, 0, 0)]
)
def test_the_ratio_is_of_the_medians_so_one_disturbed_round_changes_nothing(
    goal: float, met: bool, near: bool
) -> None:
    samples = {"ours": [sample(200), sample(210), sample(5)], "peer": [sample(100)] * 3}
    outcome = compared(
        1, "what", ("ours", "peer"), samples, lambda one: one.per_second, "a second", goal
    )
    assert outcome.result == "2.00 times"
    assert (outcome.met, outcome.near) == (met, near)


def test_core_seconds_are_the_measured_processes_and_not_the_clocks() -> None:
    assert sample(100).per_core_second == 2 * sample(100).per_second


def outcome(row: int, ours: str) -> Outcome:
    return Outcome(row, "what", "peer", "a second", ours, "1", "2 times", "at least 1", met=True)


def test_a_row_measured_anew_replaces_its_old_figures_and_prose_stays_and_noise_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "KEPT", tmp_path / "kept" / "results.json")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- written by make bench -->\nold\n<!-- end -->\nafter\n")
    results.keep(
        [outcome(2, "old figure"), outcome(1, "first")],
        {"processor": "two cores"},
        others=0.1,
        scale="full",
    )
    results.keep([outcome(2, "new figure")], {"processor": "two cores"}, others=0.1, scale="full")
    results.write("make bench", page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "new figure" in text
    assert "old" not in text
    assert text.index("first") < text.index("new figure")
    assert "not quiet" not in text
    results.keep([outcome(3, "third")], {"processor": "two cores"}, others=1.9, scale="full")
    results.write("make bench", page)
    assert "not quiet" in page.read_text()


def test_a_page_without_its_marks_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "KEPT", tmp_path / "results.json")
    page = tmp_path / "page.md"
    page.write_text("prose")
    results.keep([outcome(1, "1")], {}, others=0.1, scale="full")
    with pytest.raises(SystemExit):
        results.write("make bench", page)
    assert page.read_text() == "prose"


def test_the_lot_gives_an_event_for_each_webhook_and_what_follows_from_the_first_ones() -> None:
    found = expected(600, 8)
    kinds = [value.partition(b'"type":"')[2].partition(b'"')[0] for value in found.events]
    told = [kind for kind in kinds if b".conversation." not in kind and b".account." not in kind]
    assert len(told) == 600
    assert len(found.events) > 600
    assert set(found.events.values()) == {1}
