"""When a subscription's cursor becomes durable."""

import asyncio
from types import SimpleNamespace
from typing import Any

from streams.agents.hook_cursors import HookCursors
from streams.agents.hook_lane import Cursor


class Outbox:
    """What is in line, and what is durable, in the order in which it became so."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self.durable: list[list[str]] = []

    async def flush(self) -> None:
        self.durable.append(self.pending)
        self.pending = []


class Table:
    def queue_changelog(self, changes: Any, outbox: Outbox, _: int) -> Any:
        outbox.pending.append("cursor")
        return changes

    def apply(self, _: Any) -> None:
        pass


def test_a_cursor_is_durable_only_after_what_is_told_of_the_attempts_it_passed() -> None:
    """Invariant 9: a flush sends its topics side by side, so that takes two."""
    outbox: Any = Outbox()
    cursors = HookCursors(table=Table(), outbox=outbox)  # type: ignore[arg-type]
    lane: Any = SimpleNamespace(
        cursor=Cursor(5), saved=Cursor(4), hook=SimpleNamespace(hook_id="h")
    )
    outbox.pending.append("delivery")
    cursors.moved(0, lane)
    asyncio.run(cursors.save())
    assert outbox.durable == [["delivery"], ["cursor"]]
    assert lane.saved == Cursor(5)
