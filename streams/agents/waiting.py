"""What holds a send back: a pause of its account or conversation, or an earlier send that waits."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from streams.agents.outgoing import Outgoing, WaitingSend

# An earlier send is due and about to be read: asking again at once would only turn in circles.
_SHORTLY = timedelta(seconds=0.25)


@dataclass(slots=True)
class Waiting:
    _pauses: dict[str, datetime] = field(default_factory=dict)
    """Account (Ayrshare: profile) or conversation to the instant before which nothing of it is
    attempted."""
    _sends: dict[str, dict[str, WaitingSend]] = field(default_factory=dict)
    """By conversation and id: what is on the delayed topic."""

    def pause(self, name: str, until: datetime, now: datetime) -> bool:
        """Whether it was not paused yet."""
        known = self._pauses.get(name)
        self._pauses[name] = until if known is None else max(known, until)
        return known is None or known <= now

    def add(self, send: WaitingSend) -> None:
        self._sends.setdefault(send.conversation, {})[send.id] = send

    def remove(self, item: Outgoing) -> None:
        sends = self._sends.get(item.conversation)
        if sends is not None:
            sends.pop(item.accepted.id, None)
            if not sends:
                del self._sends[item.conversation]

    def blocked_until(self, item: Outgoing, now: datetime) -> datetime | None:
        """When to ask again; None where nothing holds the send back."""
        found = [
            max(send.until, now + _SHORTLY)
            for send in self._sends.get(item.conversation, {}).values()
            if send.place < item.place
        ]
        for name in (item.paused_with, item.conversation):
            until = self._pauses.get(name)
            if until is not None and until > now:
                found.append(until)
            elif until is not None:
                del self._pauses[name]
        return max(found, default=None)
