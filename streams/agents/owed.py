"""What a partition's earlier owner may have left undone, found while its log is read again."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from schemas.events import Event, SendAccepted
from streams.agents.working_set import WorkingSet
from streams.conversation.outcomes import is_under_way


class Heard(NamedTuple):
    """An event as it came from the log."""

    event: Event
    offset: int
    at: int
    """Timestamp of its record, ms: what is decided because of it is decided as of then, by
    whoever reads it."""


@dataclass(slots=True)
class Owed:
    """Most of it turns out to be done, a few records further on."""

    _facts: deque[Heard] = field(default_factory=deque)
    """Events from which facts or answers follow, as far as the log was read."""
    _questions: list[Heard] = field(default_factory=list)
    """Events after which an account's history is due."""
    _answers: dict[str, Heard] = field(default_factory=dict)
    """Automatic answers accepted, by command id, of which nothing is heard since. Who accepted one
    may have died before handing it on, and no command brings it again."""

    def note(self, heard: Heard, *, decides: bool, asks: bool) -> None:
        event = heard.event
        if isinstance(event, SendAccepted) and event.data.origin == "auto":
            self._answers.setdefault(event.data.command_id, heard)
        if decides:
            self._facts.append(heard)
        elif asks:
            self._questions.append(heard)

    def settle(self, states: WorkingSet, decides: Callable[[Event], bool]) -> None:
        """Drops what the states show to be done, up to the oldest that is not.

        No further: where a setting has changed since, much may stay open to the end, and looking at
        all of it with each batch would never get there.
        """
        while self._facts and not decides(self._facts[0].event):
            self._facts.popleft()
        for name, heard in list(self._answers.items()):
            if _is_open(heard.event, states):
                break
            del self._answers[name]

    def first_offset(self) -> int | None:
        """Of the oldest record that must be read again if nobody pays; None where there is none.

        Questions don't count: an account whose webhooks alone are wanted stays due for ever, and
        would let nothing be acknowledged until the partition has caught up.
        """
        oldest = [*islice(self._facts, 1), *islice(self._answers.values(), 1)]
        return min((heard.offset for heard in oldest), default=None)

    def take(self, states: WorkingSet) -> tuple[list[Heard], list[SendAccepted]]:
        """Events to decide about and sends to hand on, in the order of the log; nothing is left."""
        events = sorted((*self._facts, *self._questions), key=lambda heard: heard.offset)
        sends = [heard.event for heard in self._answers.values() if _is_open(heard.event, states)]
        self._facts.clear()
        self._questions.clear()
        self._answers.clear()
        return events, [send for send in sends if isinstance(send, SendAccepted)]


def _is_open(event: Event, states: WorkingSet) -> bool:
    """Nothing is known of what became of it, and who it goes to was not erased since."""
    state = states.load(event)
    known = state.conversation
    return is_under_way(state.outcome) and known is not None and bool(known.provider)
