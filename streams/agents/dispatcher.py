"""Accepted sends to the platforms: conversations side by side, each in its order. Knows no Faust.

A message is never sent twice on our own initiative (invariant 8): before a request is written, the
attempt is durable (event and journal). A send that is read again with an attempt noted and no end
was cut by a crash: its outcome is unknown, and only an echo resolves it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.base import Provider
from schemas.events import SendAccepted
from streams.agents import send_events
from streams.agents.breaker import Breaker
from streams.agents.counting import count_ended
from streams.agents.outgoing import Journal, Outgoing
from streams.agents.waiting import Waiting
from streams.monitoring import metrics
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

SendCall = Callable[[SendAccepted, OutboundSend], Awaitable[Sent | SendError]]


class StoppedError(Exception):
    """The dispatcher was stopped before this send's turn: it must not be acknowledged."""


@dataclass(slots=True)
class Dispatcher:
    send: SendCall
    journal: Journal
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    at_once: int = 64
    """Requests in flight per provider: bounds sockets, and keeps a slow platform to itself."""
    _tails: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _due_tails: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _stopped_accounts: dict[str, datetime] = field(default_factory=dict)
    _breakers: dict[Provider, Breaker] = field(default_factory=dict)
    _slots: dict[Provider, asyncio.Semaphore] = field(default_factory=dict)
    _waiting: Waiting = field(default_factory=Waiting)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        for send in self.journal.waiting():
            self._waiting.add(send)

    def submit(self, item: Outgoing) -> "asyncio.Task[None]":
        """Puts a send behind the earlier ones of its conversation. The task ends when its outcome
        (or its place on the delayed topic) is durable; it raises StoppedError, or on a bug."""
        return _line_up(self._tails, item, lambda earlier: self._after(earlier, item))

    def submit_when_due(self, item: Outgoing, not_before: datetime) -> "asyncio.Task[None]":
        """The same at `not_before`; sends of one conversation keep the order of these calls."""
        return _line_up(
            self._due_tails, item, lambda earlier: self._when_due(earlier, item, not_before)
        )

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Begins no further attempt and waits for those under way; the rest stays unacknowledged.

        For a rebalance: who owns the partition next goes on from the journal. An attempt that
        outlasts the grace is unknown to them, and its end is still written by us.
        """
        self._stop.set()
        under_way = {*self._tails.values(), *self._due_tails.values()}
        if under_way:
            await asyncio.wait(under_way, timeout=grace_seconds)

    async def _when_due(
        self, earlier: "asyncio.Task[None] | None", item: Outgoing, not_before: datetime
    ) -> None:
        await self._rest((not_before - self.clock()).total_seconds())
        if earlier is not None:
            await asyncio.wait({earlier})
        if self._stop.is_set():
            raise StoppedError
        await self.submit(item)

    async def _after(self, earlier: "asyncio.Task[None] | None", item: Outgoing) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        if self._stop.is_set():
            raise StoppedError
        await self._carry_out(item)

    async def _carry_out(self, item: Outgoing) -> None:
        noted = self.journal.noted(item)
        if noted is not None and noted.progress == "attempting":
            cut = replace(item, attempts=noted.attempts, attempted_at=noted.at)
            await self._end(cut, *send_events.interrupted(cut, self.clock()))
            return
        if noted is not None:
            if noted.progress == "done" or noted.turn != item.turn:
                return  # it has ended, or a newer record of the delayed topic carries it
            item = replace(item, attempts=noted.attempts, delivered=noted.delivered)
        elif item.turn:
            return  # the note follows the delayed record: the crash between them left this behind
        again: tuple[Outgoing, float] | None = (item, 0.0)
        while again is not None:
            item, wait = again
            await self._rest(wait)
            async with self._slot(item):
                again = await self._attempt(item)

    async def _attempt(self, item: Outgoing) -> tuple[Outgoing, float] | None:
        """One attempt. Returns the send and the seconds after which to try it again here; None
        where it has ended or waits on the delayed topic."""
        if self._stop.is_set():
            raise StoppedError  # while it waited for a slot or rested: nothing is under way
        data, now = item.accepted.data, self.clock()
        hindered = before_attempt(
            now, data.expires_at, data.window_expires_at
        ) or self._account_stopped(item)
        if hindered is not None:
            await self._fail(item, hindered)
            return None
        blocked = self._blocked_until(item, now)
        if blocked is not None:
            await self._wait_until(item, blocked)
            return None
        item = replace(item, attempts=item.attempts + 1, attempted_at=now)
        await self.journal.attempting(item, send_events.attempted(item, now))
        result = await self.send(item.accepted, item.outbound())
        now = self.clock()
        self._breaker(item).record(
            isinstance(result, SendError) and result.is_platform_trouble, now
        )
        if isinstance(result, SendError):
            return await self._after_error(item, result, now)
        pause = send_events.pause_end(result, now)
        if pause is not None:
            self._waiting.pause(item.paused_with, pause)
        await self._end(item, *send_events.sent(item, result, now))
        return None

    async def _after_error(
        self, item: Outgoing, error: SendError, now: datetime
    ) -> tuple[Outgoing, float] | None:
        data = item.accepted.data
        if error.delivered:
            item = replace(item, delivered=error.delivered)
        step = next_step(
            error, item.attempts, now, data.expires_at, data.window_expires_at, jitter=self.jitter()
        )
        match step:
            case Retry(after):
                await self.journal.not_delivered(item)
                return item, after
            case Delay(until, scope):
                self._waiting.pause(
                    item.paused_with if scope == "account" else item.conversation, until
                )
                await self._wait_until(item, until)
            case StopAccount():
                if step.until is None:
                    self._stopped_accounts[item.account] = now
                else:
                    self._waiting.pause(item.paused_with, step.until)
                await self._end(item, *send_events.account_stopped(item, error, step, now))
            case Unknown():
                await self._end(item, send_events.unknown(item, step, now))
            case Fail():
                await self._fail(item, step, error)
        return None

    async def _fail(self, item: Outgoing, step: Fail, error: SendError | None = None) -> None:
        event = send_events.failed(item, step.reason, step.message, error, self.clock())
        await self._end(item, event)

    async def _end(self, item: Outgoing, *events: Any) -> None:
        await self.journal.done(item, *events)
        count_ended(item.accepted, events, self.clock())
        self._waiting.remove(item)

    async def _wait_until(self, item: Outgoing, until: datetime) -> None:
        """To the delayed topic, unless its time is over before that."""
        data = item.accepted.data
        late = before_attempt(until, data.expires_at, data.window_expires_at)
        if late is not None:
            await self._fail(item, late)
            return
        waiting = replace(item, turn=item.turn + 1)
        # Known before it is durable: a later send of the conversation may ask in between.
        self._waiting.add(waiting.waiting_until(until))
        await self.journal.delay(waiting, until)
        metrics.SENDS_DELAYED.labels(item.accepted.platform).inc()

    def _account_stopped(self, item: Outgoing) -> Fail | None:
        """Sends accepted before the account's credential was found dead; later ones were accepted
        because it was linked again."""
        stopped_at = self._stopped_accounts.get(item.account)
        if stopped_at is None or item.accepted.time > stopped_at:
            return None
        return Fail("token_invalid", "the account's credential is dead: link it again")

    def _blocked_until(self, item: Outgoing, now: datetime) -> datetime | None:
        paused = self._waiting.blocked_until(item, now)
        return paused if paused is not None else self._breaker(item).blocked_until(now)

    def _breaker(self, item: Outgoing) -> Breaker:
        return self._breakers.setdefault(item.accepted.data.provider, Breaker())

    def _slot(self, item: Outgoing) -> asyncio.Semaphore:
        provider = item.accepted.data.provider
        return self._slots.setdefault(provider, asyncio.Semaphore(self.at_once))

    async def _rest(self, seconds: float) -> None:
        """Sleeps, or until the dispatcher is stopped."""
        if seconds <= 0:
            return
        ways = [asyncio.create_task(self.sleep(seconds)), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()


def _line_up(
    tails: dict[str, "asyncio.Task[None]"],
    item: Outgoing,
    begin: "Callable[[asyncio.Task[None] | None], Coroutine[Any, Any, None]]",
) -> "asyncio.Task[None]":
    conversation = item.conversation
    task = asyncio.create_task(begin(tails.get(conversation)))
    tails[conversation] = task

    def forget(done: "asyncio.Task[None]") -> None:
        if tails.get(conversation) is done:
            del tails[conversation]

    task.add_done_callback(forget)
    return task
