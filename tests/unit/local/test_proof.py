"""The archive held against the log."""

from typing import Any

from aiokafka import TopicPartition

from sinks.completeness import PartitionReport
from streams.local.diagnosis import Finding
from streams.local.processes import free_port
from streams.local.proof import of_days, of_earlier_logs, of_partitions, of_process
from streams.monitoring.running import Note

HERE = TopicPartition("dm.events.v1", 3)


def report(**changes: Any) -> PartitionReport:
    """Offsets 0 to 9, all there."""
    whole = {
        "log": "now", "topic": HERE.topic, "partition": HERE.partition, "first": 0, "last": 9,
        "rows": 10, "missing": 0, "duplicates": 0, "unreadable": 0,
    }  # fmt: skip
    return PartitionReport(**(whole | changes))


def found(*reports: PartitionReport, start: int = 0, end: int = 10) -> Finding:
    (finding,) = of_partitions(reports, {HERE: start}, {HERE: end})
    return finding


def test_every_record_of_the_log_is_proof() -> None:
    finding = found(report())
    assert (finding.state, finding.what) == ("ok", "dm.events.v1/3")
    assert finding.found == "10 of 10 records archived, none missing"


def test_a_hole_is_wrong() -> None:
    finding = found(report(rows=8, missing=2))
    assert finding.state == "wrong"
    assert "8 of 10 records archived, 2 missing" in finding.found


def test_a_missing_beginning_is_a_hole_too() -> None:
    """The view counts between the first and the last that are there: it can't see this one."""
    finding = found(report(first=4, rows=6))
    assert finding.state == "wrong"
    assert "4 missing" in finding.found


def test_what_the_log_no_longer_has_is_not_missed() -> None:
    assert found(report(first=4, rows=6), start=4).state == "ok"
    assert found(report(), start=4).found == "10 of 10 records archived, none missing"


def test_what_is_on_its_way_is_told_and_not_wrong() -> None:
    finding = found(report(), end=12)
    assert finding.state == "note"
    assert finding.found == "10 of 12 records archived, none missing, 2 on their way"


def test_nothing_archived_yet_is_on_its_way() -> None:
    assert found(end=5).found == "0 of 5 records archived, all on their way"


def test_an_archive_ahead_of_its_log_is_of_another_one() -> None:
    """Invariant 10: a topic made anew must not pass as complete."""
    finding = found(report(), end=3)
    assert finding.state == "wrong"
    assert "another cluster" in finding.remedy


def test_an_empty_partition_is_not_worth_a_line() -> None:
    assert of_partitions([], {HERE: 0}, {HERE: 0}) == []


def test_earlier_logs_are_one_line_and_wrong_with_holes() -> None:
    assert of_earlier_logs([]) == []
    (whole,) = of_earlier_logs([report(log="old"), report(log="older")])
    assert (whole.state, whole.found[:25]) == ("ok", "2, with 20 records archiv")
    (holed,) = of_earlier_logs([report(log="old", missing=1)])
    assert holed.state == "wrong"


def test_days_without_holes_are_one_line_and_each_hole_is_its_own() -> None:
    assert of_days([]) == []
    (whole,) = of_days([("2026-11-21", HERE.topic, 0, 0), ("2026-11-22", HERE.topic, 0, 0)])
    assert (whole.state, whole.found) == ("ok", "2, none of them with a hole")
    (hole,) = of_days([("2026-11-21", HERE.topic, 3, 4), ("2026-11-22", HERE.topic, 0, 0)])
    assert (hole.state, hole.what) == ("wrong", f"2026-11-21 {HERE.topic}/3")
    assert "4 records missing" in hole.found


def test_a_process_that_does_not_answer_is_wrong_and_one_without_a_port_is_not_judged() -> None:
    silent = of_process(Note("history", 17, free_port(), 0.0))
    assert silent.state == "wrong"
    assert silent.what == "process history (17)"
    assert of_process(Note("history", 17, 0, 0.0)).state == "ok"
