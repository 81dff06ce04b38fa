"""Webhook subscriptions on one machine: as of keys, the data folder keeps what the embedded
broker forgets. The copy holds their secrets: it is readable by its owner alone."""

from pathlib import Path

import orjson

from schemas.hooks import HookRecord
from schemas.topics import HOOKS
from streams import kafka
from streams.settings import Settings


def copy_file(settings: Settings) -> Path:
    return settings.data_dir / "hooks.json"


async def put_back(settings: Settings) -> None:
    """Writes the subscriptions of the last start to a new topic."""
    file = copy_file(settings)
    if not file.exists():
        return
    found = [HookRecord.model_validate(value) for value in orjson.loads(file.read_bytes())]
    await kafka.write(
        settings,
        HOOKS,
        [(hook.hook_id, hook.model_dump_json(exclude_none=True).encode()) for hook in found],
    )
