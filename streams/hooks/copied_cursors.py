"""The webhooks worker's cursors as files, where the broker is the embedded one: it forgets them.

A file for each partition of each log, so that two workers write none together, and the cursors of
the log before are there until nothing of that log is in the archive any more. Written whole, by
renaming; not synced to disk: what an end of the process leaves is what the kernel has.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import orjson
import structlog

from streams.settings import Settings

_log = structlog.get_logger()

_NAME = re.compile(r"(.+)-(\d+)\.json")

Cursors = Mapping[str, list[int | None]]
"""By subscription: offset, attempts, tried since, failing since, not before (instants in ms)."""


def folder(settings: Settings) -> Path:
    return settings.data_dir / "run" / "hook_cursors"


def write_cursors(settings: Settings, log: str, number: int, cursors: Cursors) -> None:
    """Those of one partition."""
    file = folder(settings) / f"{log}-{number}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_bytes(orjson.dumps(cursors))
    beside.replace(file)


def read_cursors(settings: Settings) -> dict[str, dict[str, list[int | None]]]:
    """By log and subscription. A file that can't be read is told of and left out: what it says is
    then not known."""
    found: dict[str, dict[str, list[int | None]]] = defaultdict(dict)
    for file in sorted(folder(settings).glob("*.json")):
        name = _NAME.fullmatch(file.name)
        try:
            cursors = orjson.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            _log.warning("hook_cursors_unreadable", file=str(file), error=type(error).__name__)
            continue
        if name is not None and isinstance(cursors, dict):
            found[name[1]].update(cursors)
    return dict(found)


def drop_cursors(settings: Settings, *, but: Collection[str]) -> None:
    """Of logs of which the archive has nothing any more."""
    for file in folder(settings).glob("*.json"):
        name = _NAME.fullmatch(file.name)
        if name is None or name[1] not in but:
            file.unlink(missing_ok=True)
