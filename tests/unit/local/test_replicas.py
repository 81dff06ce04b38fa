"""Whether a broker that dies takes something along."""

from dataclasses import replace

import pytest

from streams.local.replicas import Copies, judge_copies
from streams.settings import Settings

THREE = Settings(_env_file=None, replication=3)
ONE = Settings(_env_file=None)
WELL = Copies("dm.events.v1", replicas=3, in_sync=3, least_in_sync=2)
CHANGELOG = replace(WELL, topic="dmstream-conversations-state-changelog")


def test_three_copies_of_everything_are_well() -> None:
    finding = judge_copies(THREE, [WELL, CHANGELOG])
    assert (finding.state, finding.found) == ("ok", "3 of each of 2 topics, changelogs too")


@pytest.mark.parametrize("settings", [THREE, ONE])
def test_a_changelog_that_a_worker_made_without_dm_replication_is_told(settings: Settings) -> None:
    """Whoever asks may have forgotten the setting as well: the other topics tell."""
    lonely = replace(CHANGELOG, replicas=1, in_sync=1, least_in_sync=1)
    finding = judge_copies(settings, [WELL, lonely])
    assert finding.state == "wrong"
    assert "dmstream-conversations-state-changelog (1)" in finding.found
    assert "dm.events" not in finding.found
    assert "DM_REPLICATION" in finding.remedy


def test_a_topic_that_takes_writes_with_one_copy_is_told() -> None:
    finding = judge_copies(THREE, [WELL, replace(CHANGELOG, least_in_sync=1)])
    assert finding.state == "wrong"
    assert "min.insync.replicas=2" in finding.remedy


def test_a_topic_that_takes_no_writes_is_wrong_and_one_that_lacks_a_broker_is_told() -> None:
    assert judge_copies(THREE, [WELL, replace(CHANGELOG, in_sync=1)]).state == "wrong"
    finding = judge_copies(THREE, [WELL, replace(CHANGELOG, in_sync=2)])
    assert finding.state == "note"
    assert "dmstream-conversations-state-changelog (2)" in finding.found


def test_one_copy_is_well_where_one_was_wanted() -> None:
    alone = replace(WELL, replicas=1, in_sync=1, least_in_sync=1)
    assert judge_copies(ONE, [alone]).state == "ok"
