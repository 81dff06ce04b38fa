"""A backfiller with a provider, a topic and a table of the test's own."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from schemas.backfills import BackfillRequest
from schemas.events import Event, HistoryBackfilled, parse_event
from schemas.topics import BACKFILLS, EVENTS, FAILURES
from streams.agents.backfill_journal import BackfillJournal
from streams.agents.backfiller import Backfiller
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.providers.protocol import (
    ErrorClass,
    HistoryMessage,
    HistoryPage,
    HistoryStopped,
    SendError,
)
from streams.settings import Settings
from tests.unit.agents.sends import NOON, Clock

PAGE = "4400"
LIMITED = SendError(ErrorClass.RATE_LIMITED, "wait", retry_after_seconds=900.0)
Raised = SendError | Exception


class KilledError(Exception):
    """The worker dies here."""


@dataclass
class Durable:
    """What survives a kill: the log, the failures, the changelog."""

    records: list[tuple[str, bytes, dict[str, bytes]]] = field(default_factory=list)
    notes: dict[bytes, bytes] = field(default_factory=dict)
    dies_after: int | None = None
    """So many more writes."""

    def outbox(self) -> Outbox:
        return cast("Outbox", Box(self))

    def events(self) -> list[Event]:
        return [parse_event(value) for topic, value, _ in self.records if topic == EVENTS]

    def failures(self) -> list[dict[str, bytes]]:
        return [headers for topic, _, headers in self.records if topic == FAILURES]


@dataclass
class Box:
    durable: Durable
    pending: list[tuple[str, bytes, dict[str, bytes]]] = field(default_factory=list)

    def add(self, topic: str, _: Any, value: Any, headers: Any = None, **__: Any) -> None:
        self.pending.append((topic, value, dict(headers or ())))

    async def flush(self) -> None:
        await asyncio.sleep(0)
        if self.durable.dies_after is not None:
            if self.durable.dies_after == 0:
                raise KilledError
            self.durable.dies_after -= 1
        self.durable.records += self.pending
        self.pending = []


@dataclass
class Table:
    durable: Durable

    def get(self, key: bytes) -> bytes | None:
        return self.durable.notes.get(key)

    def queue_changelog(self, changes: Any, outbox: Any, partition: int) -> Any:
        del outbox, partition
        return changes

    def apply(self, changes: Any) -> None:
        self.durable.notes.update(changes)


def message(number: int) -> HistoryMessage:
    at = NOON - timedelta(days=1, seconds=number)
    return HistoryMessage(PAGE, f"person-{number % 3}", f"m-{number}", "correspondent", at, "hi")


@dataclass
class Provider:
    """`pages` pages of two messages; what it refuses, look by look."""

    pages: int = 5
    refusals: list[tuple[int, Raised]] = field(default_factory=list)
    """(after so many pages of the look, the error), one a look."""
    looks: list[str | None] = field(default_factory=list)
    """The cursors that were asked for."""
    foreign: int = 0

    async def history(
        self, _: BackfillRequest, cursor: str | None
    ) -> AsyncGenerator[HistoryPage, None]:
        self.looks.append(cursor)
        refused_after, error = self.refusals.pop(0) if self.refusals else (None, None)
        given_out = 0
        for number in range(int(cursor or 0), self.pages):
            if given_out == refused_after and error is not None:
                raise HistoryStopped(error) if isinstance(error, SendError) else error
            given_out += 1
            yield self.page(number)
        if given_out == refused_after and error is not None:
            raise HistoryStopped(error) if isinstance(error, SendError) else error

    def page(self, number: int) -> HistoryPage:
        return HistoryPage(
            (message(2 * number), message(2 * number + 1)),
            frozenset({f"t_{number}"}),
            foreign=self.foreign,
            cursor=str(number + 1),
        )


def request(
    origin: str = "link", account: str = PAGE, request_id: str = "request-1"
) -> BackfillRequest:
    return BackfillRequest(
        request_id=request_id, profileid="profile", provider="meta", platform="facebook",
        account_id=account, asked_at=NOON, origin=cast("Any", origin), correlationid="c",
    )  # fmt: skip


def record(wanted: BackfillRequest, offset: int = 7) -> Any:
    return SimpleNamespace(
        topic=BACKFILLS, partition=1, offset=offset, key=b"profile", value=wanted.to_json(),
        headers=(),
    )  # fmt: skip


@dataclass
class World:
    provider: Any = field(default_factory=Provider)
    durable: Durable = field(default_factory=Durable)
    clock: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)

    def backfiller(self) -> Backfiller:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await self.clock.sleep(seconds)

        return Backfiller(
            settings=Settings(_env_file=None),
            history=self.provider.history,
            journal=BackfillJournal(cast("StateTable", Table(self.durable)), self.durable.outbox),
            make_outbox=self.durable.outbox,
            log_id="log",
            clock=self.clock,
            sleep=sleep,
        )

    def run(self, wanted: BackfillRequest | None = None) -> None:
        wanted = wanted or request()
        asyncio.run(self.backfiller().carry_out(wanted, record(wanted)))

    def fetched(self) -> list[str]:
        return [e.data.message_id for e in self.durable.events() if e.subject]  # type: ignore[union-attr]

    def told(self) -> HistoryBackfilled:
        found = [e for e in self.durable.events() if isinstance(e, HistoryBackfilled)]
        assert len({e.id for e in found}) == 1
        return found[-1]
