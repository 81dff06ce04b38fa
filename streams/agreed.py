"""What whoever reads or writes by key asks the broker first: is this the log that its settings
mean? A number that is not the log's own puts a key where nobody looks for it."""

from collections.abc import Mapping

from schemas.topics import TOPICS
from streams import kafka
from streams.log_positions import STATE_CHANGELOG, partition_counts
from streams.partitions import refuse_if_keys_would_move
from streams.settings import Settings

TOPIC_NAMES = frozenset(topic.name for topic in TOPICS)


async def agreed(settings: Settings) -> Settings:
    """The settings, once they agree with the broker's partitions; `embedded` is set where it is
    the embedded one. Raises PartitionsError."""
    settings, _ = await agreed_with_counts(settings)
    return settings


async def agreed_with_counts(settings: Settings) -> tuple[Settings, dict[str, int]]:
    """The same, and how many partitions each topic has."""
    settings = await kafka.recognised(settings)
    counts = await partition_counts(settings)
    refuse_others(settings, counts)
    return settings, counts


def refuse_others(settings: Settings, counts: Mapping[str, int]) -> None:
    """`counts` by the topics' names without the prefix. Raises PartitionsError."""
    refuse_if_keys_would_move(counts, TOPIC_NAMES, STATE_CHANGELOG, settings.partitions)
