"""Webhook subscriptions on one machine: as of keys, the data folder keeps what the embedded
broker forgets. The copy holds their secrets: it is readable by its owner alone."""

from collections.abc import Iterable
from pathlib import Path

import orjson
from aiokafka import TopicPartition

from schemas.hooks import HookRecord
from schemas.topics import EVENTS, HOOKS
from streams import kafka
from streams.hooks.copied_cursors import read_cursors
from streams.local.hook_places import HookPlaces
from streams.log_positions import log_ends
from streams.partitions import partition_of
from streams.settings import Settings


def copy_file(settings: Settings) -> Path:
    return settings.data_dir / "hooks.json"


def places(settings: Settings) -> HookPlaces:
    """Those of the last start, and how far each was told. Ask it while the log is put back."""
    return HookPlaces.of(_copied(settings), read_cursors(settings))


async def put_back(settings: Settings, places: HookPlaces, log: str) -> None:
    """Writes the subscriptions to the topic, once all of the log is back."""
    found = await log_ends(settings, EVENTS)

    def end_of(profile: str) -> int:
        number = partition_of(profile.encode(), settings.partitions)
        return found[TopicPartition(settings.topic(EVENTS), number)]

    ends = {profile: end_of(profile) for profile in places.profiles()}
    await _write(settings, places.carried(log, ends))


async def _write(settings: Settings, hooks: Iterable[HookRecord]) -> None:
    await kafka.write(
        settings,
        HOOKS,
        [(hook.hook_id, hook.model_dump_json(exclude_none=True).encode()) for hook in hooks],
    )


def _copied(settings: Settings) -> list[HookRecord]:
    file = copy_file(settings)
    if not file.exists():
        return []
    return [HookRecord.model_validate(value) for value in orjson.loads(file.read_bytes())]
