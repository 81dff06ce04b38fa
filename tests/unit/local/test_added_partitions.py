"""Partitions that somebody added."""

from schemas.topics import COMMANDS, TOPICS
from streams.local.added_partitions import judge_added
from streams.local.diagnosis import of_topics
from streams.log_positions import STATE_CHANGELOG
from streams.settings import Settings

FOUR = Settings(_env_file=None, partitions=4)


def test_empty_ones_are_worth_knowing_and_nothing_to_mend() -> None:
    finding = judge_added(FOUR, {COMMANDS: 6}, {})
    assert finding.state == "note"
    assert f"{COMMANDS} has 6" in finding.found


def test_records_that_nobody_reads_are_wrong() -> None:
    finding = judge_added(FOUR, {COMMANDS: 6}, {f"{COMMANDS}/4": 2, f"{COMMANDS}/5": 1})
    assert finding.state == "wrong"
    assert "3 records" in finding.found
    assert "% 4" in finding.remedy


def test_topics_with_added_partitions_are_not_a_wrong_setting() -> None:
    counts = {topic.name: 4 for topic in TOPICS} | {COMMANDS: 6}
    assert of_topics(FOUR, counts).state == "wrong", "nothing tells yet which number is right"
    assert of_topics(FOUR, counts | {STATE_CHANGELOG: 4}).state == "ok"
    assert of_topics(FOUR, counts | {STATE_CHANGELOG: 6}).state == "wrong"
