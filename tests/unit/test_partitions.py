"""Keys keep their partition, whatever the broker counts."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import COMMANDS, EVENTS
from streams.agreed import refuse_others
from streams.log_positions import STATE_CHANGELOG
from streams.partitions import PartitionsError, added, partition_of, refuse_if_keys_would_move
from streams.settings import Settings
from streams.workers.assigning import assignor

CHANGELOG = "state-changelog"
TOPICS = frozenset({"events", "commands"})


@given(key=st.binary(), partitions=st.integers(1, 64))
def test_a_key_lies_where_kafka_s_own_clients_put_it(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, numbers, numbers)


def test_the_state_s_changelog_tells_what_keys_were_spread_by() -> None:
    counts = {"events": 8, "commands": 8, CHANGELOG: 8}
    refuse_if_keys_would_move(counts, TOPICS, CHANGELOG, 8)
    for other in (4, 16):
        with pytest.raises(PartitionsError, match=f"DM_PARTITIONS is {other}.*back to 8"):
            refuse_if_keys_would_move(counts, TOPICS, CHANGELOG, other)


def test_partitions_that_were_added_end_no_worker_and_are_told() -> None:
    counts = {"events": 8, "commands": 12, "unknown": 99, CHANGELOG: 8}
    refuse_if_keys_would_move(counts, TOPICS, CHANGELOG, 8)
    assert added(counts, TOPICS, 8) == {"commands": 12}


def test_before_the_first_worker_the_topics_tell() -> None:
    refuse_if_keys_would_move({"events": 8, "commands": 8}, TOPICS, CHANGELOG, 8)
    refuse_if_keys_would_move({}, TOPICS, CHANGELOG, 8)
    with pytest.raises(PartitionsError, match="commands was made with 12: set it to that"):
        refuse_if_keys_would_move({"events": 8, "commands": 12}, TOPICS, CHANGELOG, 8)


def test_a_topic_with_too_few_is_refused_by_its_name() -> None:
    with pytest.raises(PartitionsError, match="commands has 4"):
        refuse_if_keys_would_move({"commands": 4, CHANGELOG: 8}, TOPICS, CHANGELOG, 8)


def test_where_no_state_tells_the_number_the_topics_own_is_named_first() -> None:
    with pytest.raises(PartitionsError, match=r"commands has 2 .*Set it to 2, if all topics have"):
        refuse_if_keys_would_move({"events": 2, "commands": 2}, TOPICS, CHANGELOG, 8)


def test_who_writes_goes_on_where_a_topic_in_use_was_given_more_than_the_state_has() -> None:
    counts = {COMMANDS: 12, EVENTS: 8, STATE_CHANGELOG: 8, "of another pipeline": 3}
    refuse_others(Settings(_env_file=None, partitions=8), counts)
    with pytest.raises(PartitionsError, match=r"DM_PARTITIONS is 12.*back to 8"):
        refuse_others(Settings(_env_file=None, partitions=12), counts)


class Cluster:
    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.counts[topic])) if topic in self.counts else None


def test_one_worker_owns_a_number_of_all_topics_where_one_of_them_has_a_partition_more() -> None:
    """Two that decide for one profile would not know of each other's decisions."""
    topics = {"events", "commands", "missing"}
    subscribed = {"one": list(topics), "two": list(topics)}
    groups = assignor(8)._get_copartitioned_groups(
        topics,
        Cluster(events=8, commands=9),  # type: ignore[arg-type]
        subscribed,
    )
    assert [(count, [set(group) for group in found]) for count, found in groups.items()] == [
        (8, [{"events", "commands"}])
    ]
