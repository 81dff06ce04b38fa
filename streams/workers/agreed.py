"""What a worker asks the broker before it does anything, and what it tells of the answer."""

from streams.agreed import TOPIC_NAMES, agreed_with_counts
from streams.partitions import added
from streams.settings import Settings
from streams.workers.assigning import tell_added


async def agreed(settings: Settings) -> Settings:
    """The settings, once they agree with the broker's partitions; `embedded` is set where it is
    the embedded one. Raises PartitionsError where profiles would lose their state."""
    settings, counts = await agreed_with_counts(settings)
    for topic, count in added(counts, TOPIC_NAMES, settings.partitions).items():
        tell_added(topic, count, settings.partitions)
    return settings
