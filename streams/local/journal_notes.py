"""What the delivery worker had noted of sends that have not ended, carried over an orderly stop.

The journal is on the embedded broker, which forgets. Without it nobody could say whether a send
that the archive calls accepted was begun, so it could only be told as unknown. The file is written
when every record of the log is archived and the workers have stopped, and taken away before workers
start: if it is there, it is the whole truth. It holds no texts.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import orjson

from schemas.topics import OUTBOUND_DELAYED
from streams import kafka
from streams.agents.journal import CHANGELOG, Note
from streams.local.catching_up import look
from streams.log_positions import log_ends
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class JournalNotes:
    log: str
    """The log that they speak of: notes of another one say nothing about this archive."""
    notes: dict[str, Note]
    """By the id of `send.accepted`: those that have not ended. No note: it was never begun."""


def notes_file(settings: Settings) -> Path:
    return settings.data_dir / "run" / "sends.json"


async def keep(settings: Settings, log: str) -> bool:
    """Writes the file, once no worker runs any more. False, and no file, where the archive lacks
    something: then a send without an end may have one. Raises the broker's errors, OSError.
    """
    behind = await look(settings, sends=True)
    if behind.unarchived:
        return False
    delayed = sum((await log_ends(settings, OUTBOUND_DELAYED)).values())
    # Nothing is left to carry out and nothing waits: most often the journal need not be read.
    notes = await unended(settings) if behind.unread or delayed else {}
    content = orjson.dumps({"log": log, "notes": notes})
    await asyncio.to_thread(_write, notes_file(settings), content)
    return True


def find(settings: Settings, newest_log: str | None) -> JournalNotes | None:
    """None where the last stop was none, or was of another archive than this one."""
    file = notes_file(settings)
    if not file.exists():
        return None
    found = orjson.loads(file.read_bytes())
    return JournalNotes(found["log"], found["notes"]) if found["log"] == newest_log else None


def forget(settings: Settings) -> None:
    """Before workers start: from then on it is no longer true."""
    notes_file(settings).unlink(missing_ok=True)


async def unended(settings: Settings) -> dict[str, Note]:
    """The newest note of each send, without those that have ended or were forgotten."""
    ends = await log_ends(settings, CHANGELOG)
    reader = kafka.reader(settings, CHANGELOG)
    await reader.start()
    newest: dict[bytes, bytes | None] = {}
    try:
        while any([await reader.position(place) < end for place, end in ends.items()]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                newest.update({record.key: record.value for record in records})
    finally:
        await reader.stop()
    notes = {key.decode(): orjson.loads(value) for key, value in newest.items() if value}
    return {key: note for key, note in notes.items() if note["progress"] != "done"}


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    with beside.open("wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    beside.replace(file)
