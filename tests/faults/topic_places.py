"""Which node of a cluster leads which partition, and which nodes have all of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError


@dataclass(frozen=True, slots=True)
class Place:
    topic: str
    partition: int
    leader: int
    """The node's number; -1 for none."""
    replicas: tuple[int, ...]
    """The first of them is the one that leads in quiet times."""
    in_sync: frozenset[int]


def places(bootstrap: str, prefix: str) -> list[Place]:
    """Of all topics with that prefix; none while no node answers."""
    return asyncio.run(_places(bootstrap, prefix))


async def _places(bootstrap: str, prefix: str) -> list[Place]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        await admin.start()
        topics: list[dict[str, Any]] = await admin.describe_topics()
    except (KafkaError, OSError):
        return []
    finally:
        await admin.close()
    return [
        Place(
            topic["topic"],
            one["partition"],
            one["leader"],
            tuple(one["replicas"]),
            frozenset(one["isr"]),
        )
        for topic in topics
        if topic["topic"].startswith(prefix)
        for one in topic["partitions"]
    ]


def wait_for_places(
    bootstrap: str, prefix: str, wanted: Callable[[Place], bool], seconds: float = 120.0
) -> None:
    """Until each partition of these topics is as wanted."""
    deadline = time.monotonic() + seconds
    while not (found := places(bootstrap, prefix)) or not all(wanted(place) for place in found):
        others = [place for place in found if not wanted(place)][:5]
        assert time.monotonic() < deadline, f"not as wanted within {seconds} s: {others}"
        time.sleep(0.3)


def is_in_sync(place: Place) -> bool:
    return place.in_sync == set(place.replicas)


def is_led_as_in_quiet_times(place: Place) -> bool:
    return is_in_sync(place) and place.leader == place.replicas[0]
