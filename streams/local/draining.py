"""`dmstream drain`: nothing new comes in, what is there is worked off, then all stop in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from schemas.topics import BACKFILLS, OUTBOUND_DELAYED
from streams.gateway.draining import DRAIN_SIGNAL, TAKE_SIGNAL
from streams.local.catching_up import DELIVERY_GROUP, Behind, NotCaughtUpError, catch_up, look
from streams.log_positions import committed, log_ends
from streams.monitoring import running
from streams.monitoring.running import Note
from streams.settings import Settings

Tell = Callable[[str], None]

# Who stops together, in the order of the data: what one still writes the next one reads.
ORDER: tuple[tuple[str, ...], ...] = (
    ("gateway",),
    ("conversations",),
    ("delivery", "webhooks"),
    ("history",),
)
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """What was not worked off."""

    under_way: Behind
    waiting: int
    """Sends on the delayed topic and requests for history: they wait for their time, and go on at
    the next start."""

    @property
    def is_empty(self) -> bool:
        return self.under_way.caught_up


def refuse(data_dir: Path) -> list[Note]:
    """Tells the gateways of this machine to answer 503; returns them."""
    return _signal(_named(data_dir, "gateway"), DRAIN_SIGNAL)


def take_again(data_dir: Path) -> list[Note]:
    """The opposite."""
    return _signal(_named(data_dir, "gateway"), TAKE_SIGNAL)


async def work_off(settings: Settings, *, patience_seconds: float, progress: Tell) -> Left:
    """Waits until what was accepted is decided, sent and archived, or until nothing moves for
    `patience_seconds`. Raises the broker's errors."""

    def tell(archived: int, everything: int) -> None:
        progress(f"{everything - archived:,} records before the archive")

    try:
        under_way = await catch_up(
            lambda: look(settings, sends=True), progress=tell, patience_seconds=patience_seconds
        )
    except NotCaughtUpError:
        under_way = await look(settings, sends=True)
    return Left(under_way, await _waiting(settings))


async def stop(data_dir: Path, tell: Tell) -> bool:
    """Ends what runs of this data folder here, one stage after another; whether all of it ended.

    What `dmstream up` started is ended by it: it would start it again.
    """
    holder = _up(data_dir)
    if holder is not None:
        tell(f"stopping `dmstream up` (process {holder})")
        os.kill(holder, signal.SIGTERM)
        return await _gone(lambda: _up(data_dir) is None)
    for names in ORDER:
        notes = [note for name in names for note in _named(data_dir, name)]
        for note in _signal(notes, signal.SIGTERM):
            tell(f"stopping {note.name} (process {note.pid})")
        pids = {note.pid for note in notes}
        if not await _gone(lambda pids=pids: not pids & _pids(data_dir)):  # type: ignore[misc]
            return False
    return True


async def _waiting(settings: Settings) -> int:
    names = (OUTBOUND_DELAYED, BACKFILLS)
    try:
        reached = await committed(settings, DELIVERY_GROUP, *names)
        ends = await log_ends(settings, *names)
    except (KafkaError, TimeoutError):
        return 0
    return sum(max(0, end - reached.get(place, 0)) for place, end in ends.items())


def _named(data_dir: Path, name: str) -> list[Note]:
    return [note for note in running.running(data_dir) if note.name == name]


def _pids(data_dir: Path) -> set[int]:
    return {note.pid for note in running.running(data_dir)}


def _signal(notes: Iterable[Note], number: signal.Signals) -> list[Note]:
    reached = []
    for note in notes:
        try:
            os.kill(note.pid, number)
        except ProcessLookupError:
            continue
        reached.append(note)
    return reached


def _up(data_dir: Path) -> int | None:
    return next((note.pid for note in _named(data_dir, "up")), None)


async def _gone(is_gone: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while not is_gone():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True
