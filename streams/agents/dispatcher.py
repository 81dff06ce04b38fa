"""Accepted sends to the platforms: conversations side by side, each in its order. Knows no Faust.

A message is never sent twice on our own initiative (invariant 8): before a request is written, the
attempt is durable (event and journal). A send that is read again with an attempt noted and no end
was cut by a crash: its outcome is unknown, and only an echo resolves it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from schemas.base import Provider
from schemas.events import SendAccepted
from streams.agents import send_events
from streams.agents.breaker import Breaker
from streams.agents.counting import count_ended
from streams.agents.lines import line_up
from streams.agents.outgoing import Journal, Outgoing
from streams.agents.pace import Pace
from streams.agents.resting import Resting
from streams.agents.waiting import Waiting
from streams.monitoring import metrics
from streams.providers.protocol import OutboundSend, SendError, Sent
from streams.providers.retry import (
    DEFAULT_POLICY,
    Delay,
    Fail,
    Retry,
    StopAccount,
    Unknown,
    before_attempt,
    next_step,
)

log = structlog.get_logger()

SendCall = Callable[[SendAccepted, OutboundSend], Awaitable[Sent | SendError]]


class StoppedError(Exception):
    """The dispatcher was stopped before this send's turn: it must not be acknowledged."""


@dataclass(slots=True)
class Dispatcher:
    send: SendCall
    journal: Journal
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    pace: Pace
    is_erased: Callable[[SendAccepted], bool]
    """Whether its correspondent was erased since it was accepted: then it does not leave any more,
    and nothing that is told of it holds what it said."""
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
    _resting: Resting = field(init=False)

    def __post_init__(self) -> None:
        self._resting = Resting(self.clock, self.sleep)
        for send in self.journal.waiting():
            self._waiting.add(send)

    def submit(self, item: Outgoing) -> "asyncio.Task[None]":
        """Puts a send behind the earlier ones of its conversation. The task ends when its outcome
        (or its place on the delayed topic) is durable; it raises StoppedError, or on a bug."""
        return line_up(self._tails, item.conversation, lambda earlier: self._after(earlier, item))

    def submit_when_due(self, item: Outgoing, not_before: datetime) -> "asyncio.Task[None]":
        """The same at `not_before`; sends of one conversation keep the order of these calls."""
        return line_up(
            self._due_tails,
            item.conversation,
            lambda earlier: self._when_due(earlier, item, not_before),
        )

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Begins no further attempt and waits for those under way; the rest stays unacknowledged.

        For a rebalance: who owns the partition next goes on from the journal. An attempt that
        outlasts the grace is unknown to them, and its end is still written by us.
        """
        self._stop.set()
        self._resting.wake_all()
        under_way = {*self._tails.values(), *self._due_tails.values()}
        if under_way:
            await asyncio.wait(under_way, timeout=grace_seconds)

    def erased(self, conversation: str) -> None:
        """Its correspondent was erased: sends that rest end at once."""
        self._resting.wake(conversation)

    async def _when_due(
        self, earlier: "asyncio.Task[None] | None", item: Outgoing, not_before: datetime
    ) -> None:
        await self._rest(item, not_before)
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
            cut = cut.without_content() if self.is_erased(cut.accepted) else cut
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
            await self._rest(item, self.clock() + timedelta(seconds=wait))
            async with self._slot(item):
                again = await self._attempt(item)

    async def _attempt(self, item: Outgoing) -> tuple[Outgoing, float] | None:
        """One attempt. Returns the send and the seconds after which to try it again here; None
        where it has ended or waits on the delayed topic."""
        if self._stop.is_set():
            raise StoppedError  # while it waited for a slot or rested: nothing is under way
        data, now = item.accepted.data, self.clock()
        hindered = (
            self._erased_since(item)
            or before_attempt(now, data.expires_at, data.window_expires_at)
            or self._account_stopped(item)
        )
        if hindered is not None:
            await self._fail(item, hindered)
            return None
        held_back = self._waiting.blocked_until(item, now)
        if held_back is None:
            turn = self.pace.wait(item, now)
            if turn is not None:
                return await self._wait_for_turn(item, turn, now)
            held_back = self._breaker(item).blocked_until(now)
        if held_back is not None:
            await self._wait_until(item, held_back)
            return None
        self.pace.take(item, now)
        return await self._request(item, now)

    async def _request(self, item: Outgoing, now: datetime) -> tuple[Outgoing, float] | None:
        """Notes the attempt, makes it, and tells what came of it. Returns as `_attempt` does."""
        item = replace(item, attempts=item.attempts + 1, attempted_at=now)
        await self.journal.attempting(item, send_events.attempted(item, now))
        erased = self._erased_since(item)  # while that was made durable
        if erased is not None:
            await self._fail(item, erased)
            return None
        result = await self.send(item.accepted, item.outbound())
        now = self.clock()
        if self.is_erased(item.accepted):
            item = item.without_content()
        self._breaker(item).record(
            isinstance(result, SendError) and result.is_platform_trouble, now
        )
        if isinstance(result, SendError):
            return await self._after_error(item, result, now)
        if result.allowance is not None:
            self.pace.told(item, result.allowance, now)
        pause = send_events.pause_end(result, now)
        if pause is not None:
            self._pause_account(item, pause, now)
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
                if scope == "account":
                    self._pause_account(item, until, now)
                else:
                    self._waiting.pause(item.conversation, until, now)
                await self._wait_until(item, until)
            case StopAccount():
                if step.until is None:
                    self._stopped_accounts[item.account] = now
                else:
                    self._pause_account(item, step.until, now)
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
        self.pace.gives_up(item)
        await self.journal.done(item, *events)
        count_ended(item.accepted, events, self.clock())
        self._waiting.remove(item)

    async def _wait_for_turn(
        self, item: Outgoing, turn: datetime, now: datetime
    ) -> tuple[Outgoing, float] | None:
        """Here for a moment; on the delayed topic for longer, where it takes no other's place."""
        data, seconds = item.accepted.data, (turn - now).total_seconds()
        too_late = before_attempt(turn, data.expires_at, data.window_expires_at)
        if too_late is None and seconds <= DEFAULT_POLICY.longest_quick_wait:
            return item, seconds
        await self._wait_until(item, turn)
        return None

    def _pause_account(self, item: Outgoing, until: datetime, now: datetime) -> None:
        """The platform's word: nothing of the account is attempted before that."""
        if self._waiting.pause(item.paused_with, until, now):
            log.warning(
                "account_paused", account=item.paused_with,
                until=until.isoformat(timespec="seconds"),
            )  # fmt: skip

    async def _wait_until(self, item: Outgoing, until: datetime) -> None:
        """To the delayed topic, unless its time is over before that."""
        data = item.accepted.data
        late = self._erased_since(item) or before_attempt(
            until, data.expires_at, data.window_expires_at
        )
        if late is not None:
            await self._fail(item, late)
            return
        waiting = replace(item, turn=item.turn + 1)
        # Known before it is durable: a later send of the conversation may ask in between.
        self._waiting.add(waiting.waiting_until(until))
        await self.journal.delay(waiting, until)
        metrics.SENDS_DELAYED.labels(item.accepted.platform).inc()

    def _erased_since(self, item: Outgoing) -> Fail | None:
        if not self.is_erased(item.accepted):
            return None
        return Fail("erased", "the correspondent was erased after the send was accepted")

    def _account_stopped(self, item: Outgoing) -> Fail | None:
        """Sends accepted before the account's credential was found dead; later ones were accepted
        because it was linked again."""
        stopped_at = self._stopped_accounts.get(item.account)
        if stopped_at is None or item.accepted.time > stopped_at:
            return None
        return Fail("token_invalid", "the account's credential is dead: link it again")

    def _breaker(self, item: Outgoing) -> Breaker:
        return self._breakers.setdefault(item.accepted.data.provider, Breaker())

    def _slot(self, item: Outgoing) -> asyncio.Semaphore:
        provider = item.accepted.data.provider
        return self._slots.setdefault(provider, asyncio.Semaphore(self.at_once))

    async def _rest(self, item: Outgoing, until: datetime) -> None:
        """Until then; or until the dispatcher is stopped, or the send is not to leave any more."""
        await self._resting.rest(
            item.conversation,
            until,
            lambda: self._stop.is_set() or self.is_erased(item.accepted),
        )
