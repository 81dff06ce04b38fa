"""A platform, a journal and a clock in memory, for tests of delivery."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import data
from schemas.events import Event, SendAccepted
from schemas.ids import profile_event_id
from streams.agents.dispatcher import Dispatcher
from streams.agents.outgoing import Noted, Outgoing, WaitingSend
from streams.agents.pace import Pace
from streams.erasures import Erasures
from streams.providers.protocol import ErrorClass, OutboundSend, SendError, Sent

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Answer = Sent | SendError
REFUSED = (ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED, ErrorClass.BAD_REQUEST)


@dataclass
class Clock:
    """Sleeping takes no time of ours and passes theirs: once nothing else happens, it is the time
    at which the first sleeper wakes."""

    now: datetime = NOON
    _sleepers: list[datetime] = field(default_factory=list)
    _woken: int = 0

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        target = self.now + timedelta(seconds=seconds)
        self._sleepers.append(target)
        try:
            while self.now < target:
                woken = self._woken
                for _ in range(20):
                    await asyncio.sleep(0)
                if woken == self._woken and target == min(self._sleepers):
                    self.now = max(self.now, target)
        finally:
            self._sleepers.remove(target)
            self._woken += 1


def accepted(
    command_id: str, person: str = "p", account: str = "page", **more: Any
) -> SendAccepted:
    at = more.pop("at", NOON)
    given = {"text": f"text of {command_id}", "expires_at": at + timedelta(minutes=15), **more}
    return SendAccepted(
        id=profile_event_id("profile", "accepted", command_id),
        source="/dmstream/commands/profile",
        time=at,
        receivedat=at,
        subject=f"facebook:{account}:{person}",
        profileid="profile",
        platform="facebook",
        data=data.SendAccepted(
            provider=more.get("provider", "meta"),
            account_id=account,
            correspondent_id=person,
            command_id=command_id,
            month="2026-11",
            rank=1,
            **{key: value for key, value in given.items() if key != "provider"},
        ),
    )


@dataclass
class MemoryJournal:
    """Durable in the sense of the tests: it outlives a dispatcher."""

    notes: dict[str, Noted] = field(default_factory=dict)
    places: dict[str, WaitingSend] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    delayed: list[tuple[Outgoing, datetime]] = field(default_factory=list)
    pruned: list[datetime] = field(default_factory=list)

    def noted(self, item: Outgoing) -> Noted | None:
        return self.notes.get(item.accepted.id)

    def waiting(self) -> Iterable[WaitingSend]:
        return [
            self.places[send]
            for send, noted in self.notes.items()
            if noted.progress == "waiting" and send in self.places
        ]

    async def attempting(self, item: Outgoing, event: Event) -> None:
        await asyncio.sleep(0)
        self.events.append(event)
        self._note(item, "attempting")

    async def not_delivered(self, item: Outgoing) -> None:
        await asyncio.sleep(0)
        self._note(item, "waiting")

    async def delay(self, item: Outgoing, until: datetime) -> None:
        await asyncio.sleep(0)
        self.delayed.append((item, until))
        self.places[item.accepted.id] = item.waiting_until(until)
        self._note(item, "waiting")

    async def done(self, item: Outgoing, *events: Event) -> None:
        await asyncio.sleep(0)
        self.events.extend(events)
        self._note(item, "done")

    async def prune(self, now: datetime) -> int:
        self.pruned.append(now)
        return 0

    def _note(self, item: Outgoing, progress: Any) -> None:
        self.notes[item.accepted.id] = Noted(
            progress, item.attempted_at or NOON, item.turn, item.attempts, item.delivered
        )

    def told(self, command_id: str) -> list[str]:
        """Kinds of the command's events, in order, with reasons where they have one."""
        return [
            f"{event.type.removeprefix('dm.').removesuffix('.v1')}"
            + (f"={event.data.reason}" if hasattr(event.data, "reason") else "")
            for event in self.events
            if getattr(event.data, "command_id", None) == command_id
        ]


@dataclass
class World:
    """Sends go to `answers`, first come first served; without one they succeed."""

    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: Clock = field(default_factory=Clock)
    pace: Pace = field(default_factory=lambda: Pace({}))
    erasures: Erasures = field(default_factory=Erasures)
    answers: dict[str, list[Answer | Callable[[], Any]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    outbounds: list[OutboundSend] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Sent again though an earlier request was not certainly refused."""
    _unsettled: set[str] = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0
    _offset: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """As after a crash: only the journal is left."""
        self.dispatcher = Dispatcher(
            send=self._send,
            journal=self.journal,
            clock=self.clock,
            jitter=lambda: 1.0,
            sleep=self.clock.sleep,
            pace=self.pace,
            is_erased=self.erasures.covers,
        )

    def item(self, command_id: str, person: str = "p", **more: Any) -> Outgoing:
        self._offset += 1
        return Outgoing(accepted(command_id, person, **more), 0, self._offset)

    def submit(self, command_id: str, person: str = "p", **more: Any) -> "asyncio.Task[None]":
        return self.dispatcher.submit(self.item(command_id, person, **more))

    def submit_delayed(self, start: int = 0) -> "list[asyncio.Task[None]]":
        """What a worker does with the delayed topic from that record on."""
        return [
            self.dispatcher.submit_when_due(
                replace(item, attempts=0, delivered=(), attempted_at=None), until
            )
            for item, until in self.journal.delayed[start:]
        ]

    async def run_to_the_end(self, *tasks: "asyncio.Task[None]") -> None:
        """With the delayed topic read until nothing is put there any more."""
        await asyncio.gather(*tasks)
        done = 0
        while done < len(self.journal.delayed):
            again = self.submit_delayed(done)
            done += len(again)
            await asyncio.gather(*again)

    async def _send(self, send: SendAccepted, outbound: OutboundSend) -> Answer:
        command_id = send.data.command_id
        self.requests.append(command_id)
        if command_id in self._unsettled:
            self.repeated.append(command_id)
        self._unsettled.add(command_id)
        self.outbounds.append(outbound)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        try:
            waiting = self.answers.get(command_id)
            answer = (
                waiting.pop(0) if waiting else Sent((f"m-{command_id}",), outbound.recipient_id)
            )
            found: Answer = await answer() if callable(answer) else answer
            if isinstance(found, SendError) and found.error_class in REFUSED:
                self._unsettled.discard(command_id)
            return found
        finally:
            self.in_flight -= 1


def error(error_class: ErrorClass, **more: Any) -> SendError:
    return SendError(error_class, "what the platform said, in our words", **more)
