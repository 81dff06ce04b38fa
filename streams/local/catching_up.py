"""Whether everything that was accepted is in the archive, told by the log and the archive alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import TopicPartition

from schemas.topics import (
    COMMANDS,
    EVENTS,
    FAILURES,
    OUTBOUND_FACEBOOK,
    OUTBOUND_INSTAGRAM,
    OUTBOUND_X,
    WEBHOOKS,
)
from streams.log_positions import CONVERSATIONS_GROUP, committed, log_ends
from streams.settings import Settings

HISTORY_GROUP = "dmstream-history"
DELIVERY_GROUP = "dmstream-delivery"
WEBHOOKS_GROUP = "dmstream-webhooks"
OUTBOUND = (OUTBOUND_FACEBOOK, OUTBOUND_INSTAGRAM, OUTBOUND_X)


class NotCaughtUpError(RuntimeError):
    """The archive stays behind; the sentence says by how much and where to look."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Records of the log, and how many of them are still before somebody."""

    webhooks: int
    unread: int
    """Webhooks not yet normalised, events not yet folded into state, commands not yet decided,
    and, where asked, sends not yet carried out."""
    undecided: int
    """Of these the webhooks and commands: the log alone has them."""
    records: int
    """Of the topics that the archive keeps."""
    unarchived: int

    @property
    def forgotten(self) -> int:
        """Records that are lost where the log is. Not in it: events not yet folded, which come back
        from the archive if they are there, and sends, which have notes or are told as unknown."""
        return self.undecided + self.unarchived

    @property
    def caught_up(self) -> bool:
        return not self.unread and not self.unarchived


async def look(settings: Settings, *, sends: bool = False) -> Behind:
    """Counts what committed offsets leave; `sends`: also those that are before the delivery worker
    (what waits on the delayed topic is not under way).

    The order matters, since webhooks lead to events, events to commands, and both to events again:
    each reader is asked before the end of what it reads. So what appears in between counts as left,
    and nothing left means nothing under way.
    """
    read = await committed(settings, CONVERSATIONS_GROUP, WEBHOOKS, EVENTS, COMMANDS)
    if sends:
        read |= await committed(settings, DELIVERY_GROUP, *OUTBOUND)
    archived = await committed(settings, HISTORY_GROUP, EVENTS, FAILURES)
    webhooks = await log_ends(settings, WEBHOOKS)
    asked = await log_ends(settings, COMMANDS, *(OUTBOUND if sends else ()))
    commands = {
        place: end for place, end in asked.items() if place.topic == settings.topic(COMMANDS)
    }
    records = await log_ends(settings, EVENTS, FAILURES)
    folded = {place: end for place, end in records.items() if place in read}
    return Behind(
        webhooks=sum(webhooks.values()),
        undecided=_left(webhooks, read) + _left(commands, read),
        unread=_left(webhooks, read) + _left(asked, read) + _left(folded, read),
        records=sum(records.values()),
        unarchived=_left(records, archived),
    )


def _left(ends: dict[TopicPartition, int], reached: dict[TopicPartition, int]) -> int:
    return sum(max(0, end - reached.get(place, 0)) for place, end in ends.items())


async def catch_up(
    look: Callable[[], Awaitable[Behind]],
    *,
    progress: Callable[[int, int], None],
    patience_seconds: float,
    every_seconds: float = 0.3,
) -> Behind:
    """Returns once nothing is left. Raises NotCaughtUpError after `patience_seconds` in which
    nothing came closer.

    `progress` gets (archived, all) in records of the archived topics.
    """
    best, since = None, time.monotonic()
    while True:
        behind = await look()
        progress(behind.records - behind.unarchived, behind.records)
        if behind.caught_up:
            return behind
        left = behind.unread + behind.unarchived
        if best is None or left < best:
            best, since = left, time.monotonic()
        elif time.monotonic() - since > patience_seconds:
            raise NotCaughtUpError(
                f"{behind.unread} records are not read and {behind.unarchived} not archived, and "
                f"for {patience_seconds:.0f} s none more was: look into the workers' logs, and at "
                "`dmstream doctor`"
            )
        await asyncio.sleep(every_seconds)
