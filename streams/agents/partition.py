"""The state of one partition's profiles: events folded, derived events added. Knows no Faust.

Two logs feed it (events and, with the next issue, commands) and their interleaving is recorded
nowhere. So what is decided once (a rank) is written as an event, and a rebuild applies what was
written instead of deciding anew. After a restart some of what this partition wrote may lie beyond
the committed offset: until the log's end at assignment is reached, events are only folded
("catching up"); what then still lacks its derived events gets them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.events import Event, parse_event
from schemas.failures import Failure
from schemas.topics import EVENTS, FAILURES
from streams.agents.failing import failure_headers
from streams.agents.outbox import Outbox
from streams.agents.working_set import WorkingSet
from streams.conversation.evolve import evolve
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import State
from streams.settings import Settings


@dataclass(slots=True)
class ConversationPartition:
    settings: Settings
    rules: Rules
    outbox: Outbox
    log: str
    clock: Callable[[], datetime]
    catch_up_to: int
    """Offset after the last event that was in the log when the partition was assigned."""
    _undecided: list[Event] = field(default_factory=list)

    def fold(self, records: Iterable[Any], states: WorkingSet) -> None:
        """Applies a batch of `dm.events.v1` to the working set; derived events go to the outbox."""
        for record in records:
            event = self._read(record)
            if event is not None:
                state = self._apply(event, states)
                derived = react(state, event, self.rules)
                if derived and record.offset < self.catch_up_to:
                    self._undecided.append(event)
                elif derived:
                    self._add(derived, states)
            if record.offset + 1 >= self.catch_up_to and self._undecided:
                self._decide_the_undecided(states)

    def _decide_the_undecided(self, states: WorkingSet) -> None:
        """Most have their derived events by now: `react` finds nothing more to add."""
        waiting, self._undecided = self._undecided, []
        for event in waiting:
            self._add(react(states.load(event), event, self.rules), states)

    def _add(self, derived: Iterable[Event], states: WorkingSet) -> None:
        for event in derived:
            self._apply(event, states)
            self.outbox.add(self.settings.topic(EVENTS), event.profileid.encode(), event.to_json())

    def _apply(self, event: Event, states: WorkingSet) -> State:
        before = states.load(event)
        after = evolve(before, event)
        states.store(event, before, after)
        return after

    def _read(self, record: Any) -> Event | None:
        try:
            return parse_event(record.value or b"")
        except ValidationError as error:
            failure = Failure("state", "invalid_event", _INVALID.format(_places(error)))
            headers = failure_headers(failure, record, self.log, self.clock())
            self.outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)
            return None


def _places(error: ValidationError) -> str:
    """Where the contract is broken, without any value."""

    def names() -> Iterator[str]:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            yield ".".join(str(part) for part in problem["loc"]) or "(whole)"

    return ", ".join(sorted(set(names())))[:200]


_INVALID = (
    "The record is no event of the contract, at: {}. "
    "Mend its writer (schemas.events.parse_event accepts what is right), then replay."
)
