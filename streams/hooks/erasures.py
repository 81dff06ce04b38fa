"""Which correspondents were erased, as whoever tells of events from the log must know it.

The log keeps an event's content for as long as its retention lasts. What is told late (to a
receiver that was away, in a replay, to a client that comes back) may be told after an erasure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.erasures import erasure_in
from schemas.events import Event


@dataclass(slots=True)
class Erasures:
    """By profile and conversation, up to when everything has lost its content."""

    _until: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def add(self, profileid: str, conversation: str, at: datetime) -> None:
        known = self._until.get((profileid, conversation))
        if known is None or known < at:
            self._until[profileid, conversation] = at

    def note(self, records: Iterable[Any]) -> bool:
        """Takes note of what records of the log tell. False where they tell of no erasure."""
        found = False
        for record in records:
            event = erasure_in(record.value)
            if event is not None and event.subject is not None:
                self.add(event.profileid, event.subject, event.time)
                found = True
        return found

    def __bool__(self) -> bool:
        return bool(self._until)

    def covers(self, event: Event) -> bool:
        """As the archive does: what happened, or was received, up to then."""
        if not self._until or event.subject is None:
            return False
        until = self._until.get((event.profileid, event.subject))
        return until is not None and min(event.time, event.receivedat) <= until
