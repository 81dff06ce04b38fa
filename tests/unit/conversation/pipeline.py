"""A model of the pipeline around the core: durable topics, a worker that can die, a delivery.

The worker does what an agent does: it reads events and commands in batches, applies what follows at
once, and appends it to the log later. It may die with nothing, a part or all of that appended. Its
successor starts from an older snapshot of the state, catches up with the log by `evolve` alone, and
then processes again what was not committed.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas import events
from schemas.commands import AnyCommand, EraseCorrespondent
from schemas.events import Event
from streams.conversation import keys
from streams.conversation.administration import InvalidCommand
from streams.conversation.autoresponse import auto_response
from streams.conversation.decide import decide
from streams.conversation.react import react
from streams.conversation.rules import Rules
from tests.unit.conversation.world import (
    NOW,
    PROFILE,
    Worker,
    became,
    echo,
    linked,
    of_profile,
    ready,
    send,
    thread,
    told,
    writes,
)  # fmt: skip

PERSONS = ("1", "2", "3", "4")
TEXTS = ("yes", "no")


@dataclass
class Snapshot:
    """What a store holds: the state, and how far the log was read when it was written."""

    worker: Worker
    read: int


def _copied(worker: Worker) -> Worker:
    twin = copy(worker)
    twin.conversations, twin.outcomes = dict(worker.conversations), dict(worker.outcomes)
    return twin


@dataclass
class Pipeline:
    """Actions change it; each takes small numbers that choose whom and what."""

    rules: Rules = field(default_factory=lambda: Rules(monthly_limit=2))
    now: datetime = NOW
    log: list[Event] = field(default_factory=list)
    commands: list[tuple[AnyCommand, datetime]] = field(default_factory=list)
    worker: Worker = field(default_factory=Worker)
    read: int = 0
    decided: int = 0
    committed: tuple[int, int] = (0, 0)
    pending: list[Event] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    handed_over: int = 0
    ghosts: list[Event] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    clocks_apart: int = 0
    """Milliseconds by which the platform's clock is ahead of ours."""
    under_way: list[events.SendAccepted] = field(default_factory=list)
    timed_out: list[events.SendAccepted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker.rules = self.rules
        self.log.extend(ready("facebook", "instagram"))
        self.snapshots.append(Snapshot(_copied(self.worker), 0))

    # What people and platforms do

    def clock_moves(self, how: int, sign: int) -> None:
        """The platform's clock against ours."""
        self.clocks_apart = how * 100 * (1 if sign % 2 else -1)

    def writes(self, who: int, what: int) -> None:
        self.log.append(self._message(writes, who, what))

    def types_elsewhere(self, who: int, what: int) -> None:
        self.log.append(self._message(echo, who, what))

    def _message(self, make: Callable[..., Event], who: int, what: int, **more: Any) -> Event:
        at = self.now - timedelta(days=40) if what == 9 else self.now
        person = PERSONS[who % len(PERSONS)]
        if what in {3, 4}:  # some tell the provider's own id of the conversation
            more["external_conversation_id"] = f"t_{person}{what}"
        return make(at, "facebook", person=person, text=TEXTS[what % 2], heard=self.now, **more)

    def is_delivered_again(self, which: int, _: int) -> None:
        """A webhook, or a record of the delivery, once more."""
        again = [event for event in self.log if event.source == "/dmstream/test"]
        if again:
            self.log.append(again[-1 - which % len(again)])

    def thread_passes(self, who: int, what: int) -> None:
        kind = ("thread.control_lost", "thread.control_gained")[what % 2]
        person = PERSONS[who % len(PERSONS)]
        self.log.append(told(kind, self.now, "facebook", person=person))

    def limit_changes(self, limit: int, _: int) -> None:
        self.log.append(of_profile("limit.changed", self.now, monthly_limit=limit % 4))

    def is_asked_to_send(self, who: int, what: int) -> None:
        command_id = f"c-{len(self.commands)}"
        person = PERSONS[who % len(PERSONS)]
        command = send(command_id, "facebook", person, text=TEXTS[what % 2])
        self.commands.append((command, self.now))

    def is_asked_again(self, which: int, _: int) -> None:
        if self.commands:
            self.commands.append((self.commands[which % len(self.commands)][0], self.now))

    def is_asked_to_erase(self, who: int, _: int) -> None:
        conversation = thread("facebook", PERSONS[who % len(PERSONS)])
        if any(event.subject == conversation for event in self.log[: self.read]):
            self.commands.append((
                EraseCorrespondent(
                    command_id=f"c-{len(self.commands)}", profileid=PROFILE, issued_at=self.now,
                    conversation_id=conversation,
                ),
                self.now,
            ))  # fmt: skip

    def account_comes_and_goes(self, how: int, _: int) -> None:
        kind = ("account.linked", "account.unlinked")[how % 2]
        self.log.append(linked("facebook", self.now, kind=kind))

    def answers_by_itself(self, wait: int, _: int) -> None:
        self.log.append(
            of_profile("autoresponse.configured", self.now, active=True, wait_seconds=wait)
        )

    def time_passes(self, how: int, _: int) -> None:
        self.now += (timedelta(seconds=1), timedelta(minutes=2), timedelta(hours=2))[how % 3]

    # What the delivery does, from the log alone

    def sends(self, how: int, other: int) -> None:
        """Takes the oldest accepted send: attempts it, and it ends one way or another."""
        while self.handed_over < len(self.log):
            event = self.log[self.handed_over]
            self.handed_over += 1
            if isinstance(event, events.SendAccepted) and event not in self.under_way:
                self.under_way.append(event)
        if not self.under_way:
            return
        accepted = self.under_way.pop(0)
        if self.now >= accepted.data.expires_at:
            self._tells("send.failed", accepted, reason="expired", message="too late")
            return
        self._tells("send.attempted", accepted)
        self.now += timedelta(seconds=1)
        match how % 5:
            case 0:
                self._is_sent(accepted, echo_first=other % 2 == 0)
            case 1:
                reason = ("bad_request", "thread_control", "recipient_unavailable")[other % 3]
                self._tells("send.failed", accepted, reason=reason, message="no")
            case 2:  # it was delivered, the echo comes first, the answer never
                self.log.append(self._echo_of(accepted))
                self._times_out(accepted)
            case 3:  # the answer never comes, the echo later or not at all
                self._times_out(accepted)
                self.timed_out.append(accepted)
            case _:
                self._times_out(accepted)

    def echo_comes_late(self, which: int, _: int) -> None:
        if self.timed_out:
            accepted = self.timed_out.pop(which % len(self.timed_out))
            self.log.append(self._echo_of(accepted))

    def _times_out(self, accepted: events.SendAccepted) -> None:
        self.now += timedelta(seconds=30)
        self._tells(
            "send.unknown", accepted, reason="timeout", message="?", text=accepted.data.text
        )

    def _is_sent(self, accepted: events.SendAccepted, *, echo_first: bool) -> None:
        heard = self._echo_of(accepted)
        body = {"command_id": accepted.data.command_id, "origin": accepted.data.origin}
        answer = heard.model_copy(
            update={"data": heard.data.model_copy(update=body), "time": self.now}
        )
        self.log.extend([heard, answer] if echo_first else [answer, heard])

    def _echo_of(self, accepted: events.SendAccepted) -> events.MessageSent:
        person = accepted.data.correspondent_id
        mid = f"m-{accepted.data.command_id}"
        at = self.now + timedelta(milliseconds=self.clocks_apart)
        return echo(at, "facebook", person=person, text=accepted.data.text, message_id=mid)

    def _tells(self, kind: str, accepted: events.SendAccepted, **more: Any) -> None:
        body = accepted.data
        person = body.correspondent_id
        self.log.append(became(kind, body.command_id, self.now, "facebook", person=person, **more))

    # What the worker does

    def reads(self, how_many: int, _: int) -> None:
        for event in self.log[self.read : self.read + how_many + 1]:
            self.read += 1
            state = self.worker.apply(event)
            self._follows(react(state, event, self.rules))
            conversation = keys.conversation_of(event)
            answer = auto_response(self.worker.state_for(conversation, None), event, self.rules)
            if answer is not None:  # as of the message's record, which nothing else tells here
                asked = self.worker.state_of(answer)
                self._follows(decide(asked, answer, event.receivedat, self.rules))

    def decides(self, how_many: int, _: int) -> None:
        for command, at in self.commands[self.decided : self.decided + how_many + 1]:
            self.decided += 1
            try:
                self._follows(decide(self.worker.state_of(command), command, at, self.rules))
            except InvalidCommand:
                self.refused.add(command.command_id)

    def _follows(self, derived: tuple[Event, ...]) -> None:
        for event in derived:
            self.worker.apply(event)
        self.pending.extend(derived)

    def commits(self, _: int = 0, __: int = 0) -> None:
        """Its events are durable, then its place in the topics."""
        self.log.extend(self.pending)
        self.pending.clear()
        self.committed = (self.read, self.decided)

    def stores(self, _: int, __: int) -> None:
        self.commits()
        self.snapshots.append(Snapshot(_copied(self.worker), self.read))

    def dies(self, appended: int, snapshot: int) -> None:
        """A part of what it had to say is in the log; another worker takes over."""
        self.log.extend(self.pending[: appended % (len(self.pending) + 1)])
        self.pending.clear()
        self.takes_over(snapshot)

    def is_taken_for_dead(self, appended: int, snapshot: int) -> None:
        """Another worker takes over, and what the old one still had to say comes later."""
        self.ghosts.extend(self.pending[appended % (len(self.pending) + 1) :])
        self.dies(appended, snapshot)

    def a_ghost_writes(self, how_many: int, _: int) -> None:
        self.log.extend(self.ghosts[: how_many + 1])
        del self.ghosts[: how_many + 1]

    def takes_over(self, snapshot: int) -> None:
        restored = self.snapshots[snapshot % len(self.snapshots)]
        self.worker = _copied(restored.worker)
        for event in self.log[restored.read :]:
            self.worker.apply(event)
        self.read, self.decided = self.committed

    def drains(self) -> None:
        """Until nothing is left to read, decide, append or send."""
        self.a_ghost_writes(len(self.ghosts), 0)
        while True:
            self.reads(len(self.log), 0)
            self.decides(len(self.commands), 0)
            self.commits()
            if self.read == len(self.log):
                self.sends(0, 0)
                if self.read == len(self.log):
                    return
