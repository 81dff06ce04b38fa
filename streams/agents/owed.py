"""What a partition's earlier owner may have left undone, found while its log is read again."""

from collections.abc import Callable
from dataclasses import dataclass, field
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

    _facts: list[Heard] = field(default_factory=list)
    """Events from which facts or answers follow, as far as the log was read."""
    _questions: list[Heard] = field(default_factory=list)
    """Events after which an account's history is due."""
    _answers: dict[str, Heard] = field(default_factory=dict)
    """Automatic answers accepted, by command id, of which nothing is heard since. Who accepted one
    may have died before handing it on, and no command brings it again."""

    def note(self, heard: Heard, *, decides: bool, asks: bool) -> None:
        event = heard.event
        if isinstance(event, SendAccepted) and event.data.origin == "auto":
            self._answers[event.data.command_id] = heard
        if decides:
            self._facts.append(heard)
        elif asks:
            self._questions.append(heard)

    def settle(self, states: WorkingSet, decides: Callable[[Event], bool]) -> None:
        """Drops what the states show to be done."""
        self._facts = [heard for heard in self._facts if decides(heard.event)]
        self._answers = {
            name: heard for name, heard in self._answers.items() if _is_open(heard.event, states)
        }

    def first_offset(self) -> int | None:
        """Of the oldest record that must be read again if nobody pays; None where there is none.

        Questions don't count: an account whose webhooks alone are wanted stays due for ever, and
        would let nothing be acknowledged until the partition has caught up.
        """
        both = (*self._facts, *self._answers.values())
        return min((heard.offset for heard in both), default=None)

    def take(self) -> tuple[list[Heard], list[SendAccepted]]:
        """Events to decide about and sends to hand on, in the order of the log; nothing is left."""
        events = sorted((*self._facts, *self._questions), key=lambda heard: heard.offset)
        sends = [heard.event for heard in self._answers.values()]
        self._facts, self._questions, self._answers = [], [], {}
        return events, [send for send in sends if isinstance(send, SendAccepted)]


def _is_open(event: Event, states: WorkingSet) -> bool:
    """Nothing is known of what became of it, and who it goes to was not erased since."""
    state = states.load(event)
    known = state.conversation
    return is_under_way(state.outcome) and known is not None and bool(known.provider)
