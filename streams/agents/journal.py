"""The delivery worker's memory: how far each send has come, in a table with a changelog."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import orjson

from schemas.base import to_milliseconds
from schemas.events import Event
from schemas.outbound import DelayedSend
from schemas.topics import EVENTS, OUTBOUND_DELAYED
from streams.agents.outbox import Outbox
from streams.agents.outgoing import Noted, Outgoing, Progress, WaitingSend
from streams.agents.state_table import Queued, StateTable
from streams.settings import Settings

TABLE = "sends"
CHANGELOG = f"dmstream-delivery-{TABLE}-changelog"
"""The table's topic, by Faust's own naming, without the prefix."""

Note = dict[str, Any]
"""A value as JSON: progress, at (ms), and until it has ended turn, attempts, delivered; where it
waits on the delayed topic also until (ms), conversation, place."""

_PIECE = 5_000


@dataclass(slots=True)
class TableJournal:
    """Keys are the ids of `send.accepted`; values are short JSON (measured: 90 bytes at the end).

    The order of writing: what tells of an outcome first (event, delayed record), the note after
    it. A crash in between then leaves a note that is behind: at worst a send that has its outcome
    is told unknown as well, and the outcome in the log already resolves that.
    """

    settings: Settings
    table: StateTable
    outbox: Outbox
    remembered: timedelta
    """After this a command's id may be used anew: an older note is of its earlier life."""
    _flushing: "asyncio.Task[None] | None" = None
    _next_flush: "asyncio.Task[None] | None" = None

    def noted(self, item: Outgoing) -> Noted | None:
        value = self.table.get(item.accepted.id.encode())
        if value is None:
            return None
        found = orjson.loads(value)
        noted = Noted(
            progress=found["progress"],
            at=_instant(found["at"]),
            turn=found.get("turn", 0),
            attempts=found.get("attempts", 0),
            delivered=tuple(found.get("delivered", ())),
        )
        return None if item.accepted.time - noted.at >= self.remembered else noted

    def waiting(self) -> Iterable[WaitingSend]:
        for key, value in self.table.items():
            found = orjson.loads(value)
            if found["progress"] == "waiting" and "until" in found:
                yield WaitingSend(
                    key.decode(), found["conversation"], found["place"], _instant(found["until"])
                )

    async def attempting(self, item: Outgoing, event: Event) -> None:
        self._add_events((event,))
        await self._note(item, "attempting", at=event.time)

    async def not_delivered(self, item: Outgoing) -> None:
        await self._note(item, "waiting")

    async def delay(self, item: Outgoing, until: datetime) -> None:
        until = to_milliseconds(until)
        delayed = DelayedSend(
            send=item.accepted,
            not_before=until,
            turn=item.turn,
            place=item.place,
        )
        self.outbox.add(
            self.settings.topic(OUTBOUND_DELAYED),
            item.conversation.encode(),
            delayed.model_dump_json(exclude_none=True).encode(),
            partition=item.partition,
        )
        await self._flush()
        await self._note(
            item,
            "waiting",
            until=_milliseconds(until),
            conversation=item.conversation,
            place=item.place,
        )

    async def done(self, item: Outgoing, *events: Event) -> None:
        self._add_events(events)
        await self._flush()
        await self._note(item, "done", at=events[-1].time)

    async def prune(self, now: datetime) -> int:
        """Forgets sends that ended so long ago that their command's id may be used anew, and that
        could not be attempted any more if their record were read again. Returns how many.

        In pieces, so that sends under way go on: a million notes take about two seconds.
        """
        forgotten, notes = 0, iter(self.table.items())
        while piece := list(islice(notes, _PIECE)):
            due = [(key, note, found) for key, note in piece if (found := self._ended(note, now))]
            for key, _, found in due:
                self.table.queue_changelog([(key, None)], self.outbox, found["partition"])
            await self._flush()
            # One that was noted anew in the meantime is of a new life of its command's id.
            for key, note, found in due:
                if self.table.get(key) == note:
                    self.table.apply(Queued(found["partition"], [(key, None)]))
                    forgotten += 1
            await asyncio.sleep(0)
        return forgotten

    def _ended(self, note: bytes, now: datetime) -> dict[str, Any] | None:
        """The note, if it may be forgotten."""
        found: dict[str, Any] = orjson.loads(note)
        if found["progress"] != "done" or "partition" not in found:
            return None  # of a version that did not note where it lies: it stays, 60 bytes
        keep_until = max(_instant(found["at"]) + self.remembered, _instant(found["expires"]))
        return found if now >= keep_until else None

    def _add_events(self, events: Iterable[Event]) -> None:
        for event in events:
            self.outbox.add(self.settings.topic(EVENTS), event.profileid.encode(), event.to_json())

    async def _note(
        self, item: Outgoing, progress: Progress, at: datetime | None = None, **more: Any
    ) -> None:
        value: dict[str, Any] = {
            "progress": progress,
            "at": _milliseconds(at or item.attempted_at or item.accepted.time),
        }
        if progress == "done":
            expires = _milliseconds(item.accepted.data.expires_at)
            value |= {"partition": item.partition, "expires": expires}
        else:
            value |= {"turn": item.turn, "attempts": item.attempts, **more}
            if item.delivered:
                value["delivered"] = item.delivered
        changes = self.table.queue_changelog(
            [(item.accepted.id.encode(), orjson.dumps(value))], self.outbox, item.partition
        )
        await self._flush()
        self.table.apply(changes)

    async def _flush(self) -> None:
        """Sends are side by side: what they add while one flush is under way goes out together, and
        that one flush serves all who wait for it. After a failure each of these fails as it did.
        """
        if self._next_flush is None:
            self._next_flush = asyncio.create_task(self._flush_after(self._flushing))
        await asyncio.shield(self._next_flush)

    async def _flush_after(self, earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await earlier
        self._flushing, self._next_flush = self._next_flush, None
        await self.outbox.flush()


def _milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
