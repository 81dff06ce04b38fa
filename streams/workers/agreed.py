"""What a worker asks the broker before it does anything: is this the log that its settings mean?"""

from schemas.topics import TOPICS
from streams import kafka
from streams.log_positions import STATE_CHANGELOG, partition_counts
from streams.partitions import added, refuse_if_keys_would_move
from streams.settings import Settings
from streams.workers.assigning import tell_added


async def agreed(settings: Settings) -> Settings:
    """The settings, once they agree with the broker's partitions; `embedded` is set where it is
    the embedded one. Raises PartitionsError where profiles would lose their state."""
    settings = await kafka.recognised(settings)
    counts = await partition_counts(settings)
    topics = frozenset(topic.name for topic in TOPICS)
    refuse_if_keys_would_move(counts, topics, STATE_CHANGELOG, settings.partitions)
    for topic, count in added(counts, topics, settings.partitions).items():
        tell_added(topic, count, settings.partitions)
    return settings
