"""Which correspondents were erased, as whoever tells of events from the log must know it.

The log keeps an event's content for as long as its retention lasts. What is told late (to a
receiver that was away, in a replay, to a client that comes back) may be told after an erasure.
"""

from collections.abc import Iterable
from typing import Any

from schemas.erasures import ErasedUntil, erasure_in
from schemas.events import Event


class Erasures(ErasedUntil):
    """Up to the instant everything of a conversation has lost its content."""

    def note(self, records: Iterable[Any]) -> bool:
        """Takes note of what records of the log tell. False where they tell of no erasure."""
        found = False
        for record in records:
            event = erasure_in(record.value)
            if event is not None and event.subject is not None:
                self.add(event.profileid, event.subject, event.time)
                found = True
        return found

    def covers(self, event: Event) -> bool:
        """As the archive does: what happened, or was received, up to then."""
        until = self.until(event)
        return until is not None and min(event.time, event.receivedat) <= until
