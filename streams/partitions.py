"""On which partition a key lies: a promise that holds as long as the state does.

Who owns a profile's partition owns its events, its commands and its state, and decides alone. So a
key keeps its partition for life: everybody who writes here picks it by DM_PARTITIONS, never by how
many partitions the broker tells of at the moment. Kafka lets anybody add partitions to a topic and
take none away; its own clients then spread keys anew, without a word.

Added partitions are therefore left alone: no writer of ours uses them and no worker takes them
(docs/decisions/0028).
"""

from collections.abc import Mapping
from functools import lru_cache

from aiokafka.partitioner import murmur2


class PartitionsError(Exception):
    """DM_PARTITIONS is not what this pipeline's keys were spread by."""


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own default partitioner puts a key (murmur2, sign bit cleared)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def added(counts: Mapping[str, int], topics: frozenset[str], partitions: int) -> dict[str, int]:
    """Of `topics`, those that have more partitions than keys were spread over, and how many."""
    return {
        name: count for name, count in sorted(counts.items())
        if name in topics and count > partitions
    }  # fmt: skip


def refuse_if_keys_would_move(
    counts: Mapping[str, int], topics: frozenset[str], changelog: str, partitions: int
) -> None:
    """`counts` are of the topics that exist. The state's changelog is made with the first worker
    and has what DM_PARTITIONS was then; before that the topics tell. Raises PartitionsError."""
    known = counts.get(changelog)
    if known is not None and known != partitions:
        raise PartitionsError(
            f"DM_PARTITIONS is {partitions}, and this pipeline's keys are spread over {known} "
            f"partitions ({changelog}): profiles would lose their state. Set it back to {known}; "
            "docs/scaling.md says how to go to more"
        )
    if known is None and (odd := {t: counts[t] for t in topics if counts.get(t, 0) > partitions}):
        name = min(odd)
        raise PartitionsError(
            f"DM_PARTITIONS is {partitions}, and {name} was made with {odd[name]}: set it to that"
        )
    few = sorted(name for name in topics if 0 < counts.get(name, 0) < partitions)
    if few:
        # Nobody's state says which of the two numbers is meant: most often the variable is not set.
        instead = "" if known else f"Set it to {counts[few[0]]}, if all topics have that; else g"
        raise PartitionsError(
            f"DM_PARTITIONS is {partitions}, and {few[0]} has {counts[few[0]]} partitions: keys "
            f"would have nowhere to go. {instead or 'G'}ive it as many with kafka-topics.sh --alter"
        )
