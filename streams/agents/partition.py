"""The state of one partition's profiles: events folded, what follows from them decided. Knows no
Faust.

Two logs feed it (events and commands) and their interleaving is recorded nowhere. So what is
decided once (a rank, an accepted send) is written as an event, and a rebuild applies what was
written instead of deciding anew. After a restart some of what this partition wrote may lie beyond
the committed offset: until the log's end at assignment is reached, events are only folded
("catching up") and commands wait; what then still lacks its derived events gets them.

An automatic answer follows from its message like a rank: it is decided as the message is folded, at
the message's own record's timestamp (docs/decisions/0020). It is a send like any other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.backfills import BackfillRequest
from schemas.commands import SendMessage
from schemas.events import (
    CorrespondentErased,
    Event,
    MessageReceived,
    SendAccepted,
    parse_event,
)
from schemas.failures import Failure
from schemas.topics import BACKFILLS, ERASURES, EVENTS, FAILURES, outbound_topic
from streams.agents.counting import count_decided
from streams.agents.failing import failure_headers, places
from streams.agents.outbox import Outbox
from streams.agents.owed import Heard, Owed
from streams.agents.working_set import WorkingSet
from streams.conversation import history
from streams.conversation.autoresponse import auto_response
from streams.conversation.decide import decide
from streams.conversation.evolve import evolve
from streams.conversation.instants import from_ms, to_ms
from streams.conversation.react import react
from streams.conversation.rules import Rules
from streams.conversation.state import State
from streams.erasures import record_of
from streams.settings import Settings


@dataclass(slots=True)
class ConversationPartition:
    settings: Settings
    rules: Rules
    outbox: Outbox
    log: str
    clock: Callable[[], datetime]
    position: int
    """Offset of the next event to be folded."""
    catch_up_to: int
    """Offset after the last event that was in the log when the partition was assigned."""
    latest: int = 0
    """The latest receipt (ms) that a folded event tells."""
    _owed: Owed = field(default_factory=Owed)
    _to_hand_on: list[SendAccepted] = field(default_factory=list)

    @property
    def is_caught_up(self) -> bool:
        """Whether everything that was written before is known, so that deciding is safe."""
        return self.position >= self.catch_up_to

    @property
    def log_time(self) -> int:
        """Milliseconds. Never ahead of our clock: one wrong receipt would end all memory."""
        return min(self.latest, to_ms(self.clock()))

    @property
    def settled_to(self) -> int:
        """Offset before which nothing is left to decide or to hand on: what may be acknowledged."""
        owed = self._owed.first_offset()
        return self.position if owed is None else owed

    def fold(self, records: Iterable[Any], states: WorkingSet) -> None:
        """Applies a batch of `dm.events.v1` to the working set; what follows goes to the outbox."""
        for record in records:
            event = self._read(record)
            was_caught_up = self.is_caught_up
            self.position = record.offset + 1
            if event is not None:
                self.latest = max(self.latest, to_ms(event.receivedat))
                state = self.apply(event, states)
                heard = Heard(event, record.offset, record.timestamp)
                if was_caught_up:
                    self._follow(heard, state, states)
                else:
                    asks = bool(history.due_after(state, event, self.rules))
                    self._owed.note(heard, decides=self._decides(event, state), asks=asks)
            if self.is_caught_up and not was_caught_up:
                self._pay(states)
        if not self.is_caught_up:
            self._owed.settle(states, lambda event: self._decides(event, states.load(event)))

    def _pay(self, states: WorkingSet) -> None:
        """Most have their derived events by now: `react` finds nothing more to add."""
        events, sends = self._owed.take(states)
        self._to_hand_on.extend(sends)
        for heard in events:
            self._follow(heard, states.load(heard.event), states)

    def _decides(self, event: Event, state: State) -> bool:
        return isinstance(event, CorrespondentErased) or bool(
            react(state, event, self.rules) or self._answer(event, state)
        )

    def _follow(self, heard: Heard, state: State, states: WorkingSet) -> None:
        event = heard.event
        derived = react(state, event, self.rules)
        if derived:
            self.write(derived, states)
        if isinstance(event, CorrespondentErased):
            self._tell_of_erasure(event)
        for request in history.due_after(state, event, self.rules):
            self.ask_for_history(request)
        answer = self._answer(event, state)
        if answer is not None:
            asked = states.state(answer.profileid, answer.conversation_id, answer.command_id)
            decided = decide(asked, answer, from_ms(heard.at), self.rules)
            self.write(decided, states)
            count_decided(decided)

    def _tell_of_erasure(self, event: CorrespondentErased) -> None:
        """For the delivery worker, which may have sends to them in line."""
        record = record_of(event)
        self.outbox.add(
            self.settings.topic(ERASURES), record.conversation_id.encode(),
            record.model_dump_json().encode(),
        )  # fmt: skip

    def ask_for_history(self, request: BackfillRequest) -> None:
        self.outbox.add(
            self.settings.topic(BACKFILLS), request.profileid.encode(), request.to_json()
        )

    def _answer(self, event: Event, state: State) -> SendMessage | None:
        """The automatic answer, while it still makes sense: a rebuild reads old messages too."""
        if not isinstance(event, MessageReceived):
            return None
        if to_ms(self.clock()) - to_ms(event.receivedat) > self.rules.auto_latest:
            return None
        return auto_response(state, event, self.rules)

    def write(self, events: Iterable[Event], states: WorkingSet) -> None:
        """Applies new events at once and puts them in line for the log."""
        for event in events:
            self.apply(event, states)
            self.outbox.add(self.settings.topic(EVENTS), event.profileid.encode(), event.to_json())
            if isinstance(event, SendAccepted):
                self._to_hand_on.append(event)

    def hand_on_again(self, accepted: SendAccepted) -> None:
        """One that is in the log already. The delivery worker's journal makes it harmless."""
        self._to_hand_on.append(accepted)

    def hand_on(self) -> None:
        """Puts accepted sends in line for the delivery worker. Their events are durable before."""
        sends, self._to_hand_on = self._to_hand_on, []
        for send in sends:
            if send.platform is None or send.subject is None:
                raise ValueError(f"accepted send {send.data.command_id} names no conversation")
            topic = self.settings.topic(outbound_topic(send.platform))
            self.outbox.add(topic, send.subject.encode(), send.to_json())

    def apply(self, event: Event, states: WorkingSet) -> State:
        before = states.load(event)
        after = evolve(before, event)
        states.store(event, before, after)
        return after

    def fail(self, record: Any, failure: Failure) -> None:
        headers = failure_headers(failure, record, self.log, self.clock())
        self.outbox.add(self.settings.topic(FAILURES), record.key, record.value, headers)

    def _read(self, record: Any) -> Event | None:
        try:
            return parse_event(record.value or b"")
        except ValidationError as error:
            self.fail(record, Failure("state", "invalid_event", _INVALID.format(places(error))))
            return None


_INVALID = (
    "The record is no event of the contract, at: {}. "
    "Mend its writer (schemas.events.parse_event accepts what is right), then replay."
)
