"""What every peer calls: the core functions that our conversations worker calls, and no more.

A peer brings the rest: reading, writing, keeping state, acknowledging.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from schemas.base import Provider
from schemas.events import Event, MessageReceived, parse_event
from schemas.topics import WebhookHeader
from schemas.webhooks import normalise
from streams.agents.rules import rules_of
from streams.agents.working_set import Store, WorkingSet
from streams.conversation import history
from streams.conversation.autoresponse import auto_response
from streams.conversation.evolve import evolve
from streams.conversation.instants import to_ms
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import State
from streams.settings import Settings


def events_of(headers: Iterable[tuple[str, bytes]], body: bytes, origin: str) -> list[Event]:
    """The events that a webhook tells of. In this data a page is its own profile."""
    told = dict(headers)
    provider = cast("Provider", told[WebhookHeader.PROVIDER].decode())
    received_at = datetime.fromisoformat(told[WebhookHeader.RECEIVED_AT].decode())
    delivery = told[WebhookHeader.DELIVERY_ID].decode()
    return [
        event.model_copy(update={"correlationid": delivery, "causationid": origin})
        for event in normalise(provider, body, received_at).events
    ]


@dataclass(frozen=True, slots=True)
class Folding:
    """An event into state, and what follows from it."""

    rules: Rules = field(default_factory=lambda: rules_of(Settings(_env_file=None)))

    def event(self, value: bytes, states: WorkingSet) -> list[Event]:
        """Applies the event; the events that follow from it, applied as well, are to be written."""
        event = parse_event(value)
        state = self._apply(event, states)
        derived = react(state, event, self.rules)
        for following in derived:
            self._apply(following, states)
        # Asked as ours asks; in this data no history is due and no automatic answer is on.
        if any(history.due_after(state, event, self.rules)) or self._answer(event, state):
            raise RuntimeError("the benchmark's data leads to what no peer does")
        return list(derived)

    def event_in(self, value: bytes, table: Any) -> list[Event]:
        """The same on a table of bytes, for peers who keep state per event."""
        states = WorkingSet(cast("Store", table))
        derived = self.event(value, states)
        for key, changed in states.changes():
            table[key] = changed
        return derived

    def _apply(self, event: Event, states: WorkingSet) -> State:
        before = states.load(event)
        after = evolve(before, event)
        states.store(event, before, after)
        return after

    def _answer(self, event: Event, state: State) -> Any:
        if not isinstance(event, MessageReceived):
            return None
        if to_ms(datetime.now(UTC)) - to_ms(event.receivedat) > self.rules.auto_latest:
            return None
        return auto_response(state, event, self.rules)
