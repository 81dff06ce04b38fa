"""Workers with one thing wrong: what the checker must catch.

`python -m tests.faults.broken WHAT`, settings by environment. Each does what people do who have not
read Faust's loss table, and is otherwise the worker that ships.
"""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from faust.agents.agent import Agent
from faust.streams import Stream

from sinks.archive import Archive, LogRecord
from sinks.erasure import Range
from streams.agents import history
from streams.agents.journal import TableJournal
from streams.agents.outgoing import Noted, Outgoing
from streams.agents.sink import Sink
from streams.cli.worker import WorkerName, worker_command


def auto_acked_take() -> WorkerName:
    """`stream.take(n)` in the place of `noack()`: Faust acknowledges what it hands out."""
    Stream.noack = lambda stream: _Taking(stream)  # type: ignore[method-assign,assignment] # noqa: PLW0108 - a class would not get the stream
    history._acknowledge = lambda *_: _nothing  # type: ignore[attr-defined]
    return WorkerName.HISTORY


@dataclass
class _Taking:
    stream: Any

    async def events(self) -> AsyncIterator[Any]:
        async for batches in self.stream.take(5, within=0.2):
            for records in batches:
                place = SimpleNamespace(topic=records[0].topic, partition=records[0].partition)
                yield SimpleNamespace(value=records, message=place)


async def _nothing() -> None:
    return None


def concurrency_two() -> WorkerName:
    """Two actors on the state's stream: "for speed"."""
    ordinary = Agent.__init__

    def doubled(agent: Any, *args: Any, **options: Any) -> None:
        options["concurrency"] = 2
        ordinary(agent, *args, **options)

    Agent.__init__ = doubled  # type: ignore[method-assign]
    return WorkerName.CONVERSATIONS


def token_of_the_time() -> WorkerName:
    """A token that is "unique" for each try."""

    def token(archive: Archive, ranges: Sequence[Range]) -> str:
        del archive, ranges
        return str(time.time_ns())

    Archive.token = token  # type: ignore[method-assign]
    return WorkerName.HISTORY


def committing_before_inserting() -> WorkerName:
    """Acknowledged when buffered: "the insert follows within the second"."""
    ordinary = Sink.put

    async def put(
        sink: Sink,
        records: Sequence[LogRecord],
        acknowledge: Callable[[], Awaitable[object]],
    ) -> None:
        await acknowledge()
        await ordinary(sink, records, _nothing)

    Sink.put = put  # type: ignore[method-assign]
    return WorkerName.HISTORY


def blind_resend() -> WorkerName:
    """An attempt without an end is tried again: "at least once"."""
    ordinary = TableJournal.noted

    def noted(journal: TableJournal, item: Outgoing) -> Noted | None:
        found = ordinary(journal, item)
        if found is not None and found.progress == "attempting":
            return replace(found, progress="waiting")
        return found

    TableJournal.noted = noted  # type: ignore[method-assign]
    return WorkerName.DELIVERY


if __name__ == "__main__":
    worker_command(globals()[sys.argv[1]]())
