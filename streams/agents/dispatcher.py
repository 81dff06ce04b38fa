"""Accepted sends to the platforms: conversations side by side, each in its order. Knows no Faust.

A message is never sent twice on our own initiative (invariant 8): before a request is written, the
attempt is durable (event and table). A send that is read again with an attempt noted and no end
was cut by a crash: its outcome is unknown, and only an echo resolves it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from schemas.events import Event, SendAccepted
from streams.agents import send_events
from streams.agents.breaker import Breaker
from streams.providers.protocol import OutboundSend, SendError, Sent
from streams.providers.retry import (
    Delay,
    Fail,
    Retry,
    StopAccount,
    Unknown,
    before_attempt,
    next_step,
)

Progress = Literal["attempting", "done"]
SendCall = Callable[[SendAccepted, OutboundSend], Awaitable[Sent | SendError]]


class StoppedError(Exception):
    """The dispatcher was stopped before this send's turn: it must not be acknowledged."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One accepted send, with what earlier attempts came to."""

    accepted: SendAccepted
    partition: int
    attempts: int = 0
    delivered: tuple[str, ...] = ()
    turn: int = 0
    """0 from an outbound topic; on the delayed topic, how often it was put there."""


class Journal(Protocol):
    """What must be durable about sends."""

    def progress(self, command_id: str) -> str | None:
        """None: never attempted. `attempting`: a request may have been written. `waiting:N`: put
        on the delayed topic for the Nth time, nothing of it under way. `done`: it has its outcome.
        """
        ...

    async def note(self, item: Outgoing, progress: Progress, *events: Event) -> None:
        """Returns once the events and the progress are durable."""
        ...

    async def delay(self, item: Outgoing, until: datetime) -> None:
        """Returns once the send is on the delayed topic and its progress is `waiting:N`."""
        ...


@dataclass(slots=True)
class Dispatcher:
    send: SendCall
    journal: Journal
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    at_once: int = 64
    """Requests in flight at a time: bounds sockets and memory, not conversations."""
    _tails: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _pauses: dict[str, datetime] = field(default_factory=dict)
    """Account or conversation to the instant before which nothing of it is attempted."""
    _breakers: dict[str, Breaker] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(init=False)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)

    def submit(self, item: Outgoing) -> "asyncio.Task[None]":
        """Puts a send behind the earlier ones of its conversation. The task ends when its outcome
        (or its place on the delayed topic) is durable; it raises only on a bug."""
        conversation = item.accepted.subject or ""
        task = asyncio.create_task(self._after(self._tails.get(conversation), item))
        self._tails[conversation] = task
        task.add_done_callback(lambda done: self._forget(conversation, done))
        return task

    async def stop(self) -> None:
        """Begins no further attempt and waits for those under way; the rest stays unacknowledged.

        For a rebalance: who owns the partition next goes on from the journal.
        """
        self._stopping = True
        if self._tails:
            await asyncio.wait(set(self._tails.values()))

    def _forget(self, conversation: str, done: "asyncio.Task[None]") -> None:
        if self._tails.get(conversation) is done:
            del self._tails[conversation]

    async def _after(self, earlier: "asyncio.Task[None] | None", item: Outgoing) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        async with self._slots:
            if self._stopping:
                raise StoppedError
            await self._carry_out(item)

    async def _carry_out(self, item: Outgoing) -> None:
        progress = self.journal.progress(item.accepted.data.command_id)
        if progress == "attempting":
            await self.journal.note(item, "done", send_events.interrupted(item, self.clock()))
            return
        if progress != (f"waiting:{item.turn}" if item.turn else None):
            return  # it has ended, or a newer record of the delayed topic carries it
        again: Outgoing | None = item
        while again is not None:
            again = await self._attempt(again)

    async def _attempt(self, item: Outgoing) -> Outgoing | None:
        """One attempt. Returns the send to try again at once, None where it has ended or waits."""
        data, now = item.accepted.data, self.clock()
        late = before_attempt(now, data.expires_at, data.window_expires_at)
        if late is not None:
            await self._fail(item, late)
            return None
        blocked = self._blocked_until(item, now)
        if blocked is not None:
            await self._wait_until(item, blocked)
            return None
        item = replace(item, attempts=item.attempts + 1)
        await self.journal.note(item, "attempting", send_events.attempted(item, now))
        result = await self.send(item.accepted, _outbound(item))
        now = self.clock()
        breaker = self._breakers.setdefault(data.provider, Breaker())
        breaker.record(isinstance(result, SendError) and result.is_platform_trouble, now)
        if isinstance(result, Sent):
            self._pause_after(item, result, now)
            await self.journal.note(item, "done", *send_events.sent(item, result, now))
            return None
        return await self._after_error(item, result, now)

    async def _after_error(
        self, item: Outgoing, error: SendError, now: datetime
    ) -> Outgoing | None:
        data = item.accepted.data
        if error.delivered:
            item = replace(item, delivered=error.delivered)
        step = next_step(
            error, item.attempts, now, data.expires_at, data.window_expires_at, jitter=self.jitter()
        )
        match step:
            case Retry(after):
                await self.sleep(after)
                return item
            case Delay(until, scope):
                self._pauses[_account(item) if scope == "account" else _place(item)] = until
                await self._wait_until(item, until)
            case StopAccount():
                if step.until is not None:
                    self._pauses[_account(item)] = step.until
                await self.journal.note(
                    item, "done", *send_events.account_stopped(item, error, step, now)
                )
            case Unknown():
                await self.journal.note(item, "done", send_events.unknown(item, step, now))
            case Fail():
                await self._fail(item, step, error)
        return None

    async def _fail(self, item: Outgoing, step: Fail, error: SendError | None = None) -> None:
        await self.journal.note(
            item, "done", send_events.failed(item, step.reason, step.message, error, self.clock())
        )

    async def _wait_until(self, item: Outgoing, until: datetime) -> None:
        """To the delayed topic, unless its time is over before that."""
        data = item.accepted.data
        late = before_attempt(until, data.expires_at, data.window_expires_at)
        if late is not None:
            await self._fail(item, late)
        else:
            await self.journal.delay(item, until)

    def _blocked_until(self, item: Outgoing, now: datetime) -> datetime | None:
        pauses = [self._pauses.get(_account(item)), self._pauses.get(_place(item))]
        paused = max((until for until in pauses if until is not None), default=None)
        if paused is not None and paused > now:
            return paused
        breaker = self._breakers.get(item.accepted.data.provider)
        return breaker.blocked_until(now) if breaker else None

    def _pause_after(self, item: Outgoing, result: Sent, now: datetime) -> None:
        until = send_events.pause_end(result, now)
        if until is not None:
            self._pauses[_account(item)] = until


def _account(item: Outgoing) -> str:
    return f"{item.accepted.platform}:{item.accepted.data.account_id}"


def _place(item: Outgoing) -> str:
    return item.accepted.subject or ""


def _outbound(item: Outgoing) -> OutboundSend:
    data = item.accepted.data
    if item.accepted.platform is None:
        raise ValueError(f"send {data.command_id} names no platform")
    return OutboundSend(
        command_id=data.command_id,
        platform=item.accepted.platform,
        account_id=data.account_id,
        recipient_id=data.correspondent_id,
        external_conversation_id=data.external_conversation_id,
        text=data.text,
        media_urls=data.media_urls,
        human_agent=data.human_agent,
        delivered=item.delivered,
    )
