"""Workers that kill themselves at a named point. `python -m tests.faults.dying POINT`.

SIGKILL by the process itself, so that the point is exact; nothing is flushed, closed or told.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sinks.archive import Archive
from sinks.rows import EVENT_LOG
from streams.agents.journal import TableJournal
from streams.agents.normaliser import Normaliser
from streams.agents.state_table import StateTable
from streams.cli.worker import WorkerName, worker_command

Patch = Callable[[Callable[..., Any]], Callable[..., Any]]


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_before(call: Callable[..., Any]) -> Callable[..., Any]:
    del call
    return die


def dies_after(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **options: Any) -> None:
        call(*args, **options)
        die()

    return called


def dies_after_awaiting(call: Callable[..., Any]) -> Callable[..., Any]:
    async def called(*args: Any, **options: Any) -> None:
        await call(*args, **options)
        die()

    return called


def dies_at_the_second_table(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(archive: Archive, columns: Any, *args: Any) -> None:
        if columns is EVENT_LOG:
            die()
        call(archive, columns, *args)

    return called


POINTS: dict[str, tuple[WorkerName, type[Any], str, Patch]] = {
    "before-the-insert": (WorkerName.HISTORY, Archive, "_insert", dies_before),
    "between-the-tables": (WorkerName.HISTORY, Archive, "_send", dies_at_the_second_table),
    "before-the-commit": (WorkerName.HISTORY, Archive, "_insert", dies_after),
    "before-the-events": (WorkerName.CONVERSATIONS, Normaliser, "handle", dies_after),
    "before-the-changelog": (
        WorkerName.CONVERSATIONS, StateTable, "queue_changelog", dies_before
    ),
    "before-the-acknowledgement": (WorkerName.CONVERSATIONS, StateTable, "apply", dies_before),
    "before-the-note": (WorkerName.DELIVERY, TableJournal, "attempting", dies_before),
    "before-the-request": (
        WorkerName.DELIVERY, TableJournal, "attempting", dies_after_awaiting
    ),
    "before-the-outcome": (WorkerName.DELIVERY, TableJournal, "done", dies_before),
    "after-the-outcome": (WorkerName.DELIVERY, TableJournal, "done", dies_after_awaiting),
}  # fmt: skip

if __name__ == "__main__":
    worker, owner, name, patch = POINTS[sys.argv[1]]
    setattr(owner, name, patch(getattr(owner, name)))
    worker_command(worker)
