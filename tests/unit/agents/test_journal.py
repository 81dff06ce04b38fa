"""What the delivery worker remembers of a send, and when it may forget it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.events import SendAccepted
from schemas.topics import EVENTS
from streams.agents import send_events
from streams.agents.journal import TableJournal
from streams.agents.outbox import Outbox
from streams.agents.outgoing import Outgoing
from streams.agents.state_table import Parts, Queued, StateTable
from streams.providers.protocol import Sent
from streams.settings import Settings
from tests.unit.agents.sends import NOON, accepted

pytestmark = pytest.mark.anyio

WEEK = timedelta(days=7)
CHANGELOG = "changelog"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Written(Outbox):
    """Records in the order in which they became durable."""

    records: list[tuple[str, bytes | None, bytes | None, int | None]] = field(default_factory=list)
    at_flush: Any = None
    _waiting: list[Any] = field(default_factory=list)

    def add(
        self, topic: str, key: Any, value: Any, headers: Any = None, *, partition: Any = None
    ) -> None:
        del headers
        self._waiting.append((topic, key, value, partition))

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        await asyncio.sleep(0)
        self.records += waiting
        if self.at_flush is not None:
            self.at_flush()


class Table(StateTable):
    """The real one, without an app."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._table = type("T", (), {"changelog_topic_name": CHANGELOG})()


@dataclass
class Memory:
    table: Table = field(default_factory=Table)
    written: Written = field(default_factory=Written)

    def __post_init__(self) -> None:
        self.journal = TableJournal(Settings(_env_file=None), self.table, self.written, WEEK)

    async def ended(self, send: SendAccepted, at: datetime, partition: int = 3) -> Outgoing:
        item = Outgoing(send, partition, place=0, attempts=1, attempted_at=at)
        await self.journal.done(item, *send_events.sent(item, Sent(("m",), "p"), at))
        return item

    @property
    def tombstones(self) -> list[tuple[bytes | None, int | None]]:
        found = self.written.records
        return [(key, where) for topic, key, value, where in found if value is None]


async def test_a_send_that_ended_is_forgotten_after_a_week_here_and_on_the_changelog() -> None:
    memory = Memory()
    item = await memory.ended(accepted("a"), NOON)
    assert await memory.journal.prune(NOON + WEEK - timedelta(milliseconds=1)) == 0
    assert memory.journal.noted(item) is not None
    assert await memory.journal.prune(NOON + WEEK) == 1
    assert list(memory.table.items()) == []
    assert memory.tombstones == [(item.accepted.id.encode(), 3)]
    assert await memory.journal.prune(NOON + 2 * WEEK) == 0


async def test_what_has_not_ended_is_never_forgotten() -> None:
    memory = Memory()
    attempted = Outgoing(accepted("a"), 0, 0, attempts=1, attempted_at=NOON)
    await memory.journal.attempting(attempted, send_events.attempted(attempted, NOON))
    await memory.journal.delay(Outgoing(accepted("b"), 0, 1, turn=1), NOON)
    await memory.journal.not_delivered(Outgoing(accepted("c"), 0, 2, attempts=1))
    assert await memory.journal.prune(NOON + 100 * WEEK) == 0
    assert len(dict(memory.table.items())) == 3


async def test_a_send_that_may_still_be_attempted_is_remembered_as_long() -> None:
    """Invariant 8: its record may be read again, and nothing else says that it was sent."""
    memory = Memory()
    item = await memory.ended(accepted("a", expires_at=NOON + 3 * WEEK), NOON)
    assert await memory.journal.prune(NOON + 2 * WEEK) == 0
    assert memory.journal.noted(item) is not None
    assert await memory.journal.prune(NOON + 3 * WEEK) == 1


async def test_a_new_life_of_the_same_id_that_begins_meanwhile_is_kept() -> None:
    memory = Memory()
    send = accepted("a")
    await memory.ended(send, NOON)
    again = b'{"progress":"attempting","at":1}'
    memory.written.at_flush = lambda: memory.table.apply(Queued(3, [(send.id.encode(), again)]))
    assert await memory.journal.prune(NOON + WEEK) == 0
    assert dict(memory.table.items()) == {send.id.encode(): again}


async def test_a_tombstone_goes_where_its_note_is() -> None:
    memory = Memory()
    for number in range(3):
        await memory.ended(accepted(f"{number}"), NOON, partition=number)
    await memory.journal.prune(NOON + WEEK)
    places = {key: where for topic, key, _, where in memory.written.records if topic != EVENTS}
    assert dict(memory.tombstones) == places
    assert sorted(places.values()) == [0, 1, 2]  # type: ignore[type-var]
