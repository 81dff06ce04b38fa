"""API keys on one machine: the embedded broker forgets them, so the data folder keeps a copy.

The gateway writes the copy (hashes only); `up` puts it back on the topic before the gateway
starts, and makes a first key with all rights, which stands in the file of the secrets.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import orjson

from schemas.base import Model
from schemas.keys import KeyRecord
from streams import keys
from streams.local.credentials import api_key
from streams.settings import Settings

_OWN = "made by dmstream up"


def copy_file(settings: Settings) -> Path:
    return settings.data_dir / "keys.json"


def write_copy(file: Path, records: Iterable[Model]) -> None:
    """Whole or not at all, readable by its owner alone."""
    beside = file.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(orjson.dumps([record.model_dump(mode="json") for record in records]))
    beside.replace(file)


async def put_back(settings: Settings, *, from_copy: bool) -> str:
    """The keys of the last start, and this machine's own; returns that one. `from_copy`: the topic
    is new."""
    known = _copied(settings) if from_copy else await keys.read_keys(settings)
    made, record = keys.make_key(scopes=("send", "read", "admin"), name=_OWN, at=datetime.now(UTC))
    own = api_key(settings, made)
    new = [] if keys.key_id_of(own) in known else [keys.record_of(own, record)]
    await keys.write_keys(settings, [*(known.values() if from_copy else ()), *new])
    return own


def _copied(settings: Settings) -> dict[str, KeyRecord]:
    file = copy_file(settings)
    if not file.exists():
        return {}
    found = [KeyRecord.model_validate(value) for value in orjson.loads(file.read_bytes())]
    return {record.key_id: record for record in found}
