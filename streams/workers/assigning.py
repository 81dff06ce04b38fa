"""Who gets which partitions: as Faust says, but that those somebody added stay out of it."""

from typing import Any

import structlog
from faust.assignor.partition_assignor import PartitionAssignor

_log = structlog.get_logger()


def tell_added(topic: str, has: int, used: int) -> None:
    """In the worker's log, wherever it is met: at its start and at each rebalance."""
    _log.error(
        "partitions_added", topic=topic, has=has, used=used,
        sentence="nobody reads the added ones: see `dmstream doctor`",
    )  # fmt: skip


def assignor(partitions: int) -> type[PartitionAssignor]:
    """Faust gives topics with the same number of partitions alike: one worker gets number 3 of
    events, commands and state. Once one of them has a partition more, it is shared out by itself,
    and two workers then decide for one profile, each without what the other did. Here
    each topic has as many as keys are spread over.
    """

    class OfOurPartitions(PartitionAssignor):
        @classmethod
        def _get_copartitioned_groups(
            cls, topics: set[str], cluster: Any, subscriptions: Any
        ) -> Any:
            return super()._get_copartitioned_groups(
                topics, _Counted(cluster, partitions), subscriptions
            )

    return OfOurPartitions


class _Counted:
    """What the broker tells of partitions, up to so many a topic."""

    def __init__(self, cluster: Any, partitions: int) -> None:
        self._cluster = cluster
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        found: set[int] | None = self._cluster.partitions_for_topic(topic)
        if found is None or len(found) <= self._partitions:
            return found
        tell_added(topic, len(found), self._partitions)
        return {number for number in found if number < self._partitions}
