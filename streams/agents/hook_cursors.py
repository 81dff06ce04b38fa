"""How far each subscription was told, durable: a table with a changelog, written a few times a
second; on the embedded broker, which forgets, also a file (streams.hooks.copied_cursors)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from schemas.hooks import HookRecord
from streams.agents.hook_lane import Cursor, Lane
from streams.agents.hook_partition import HookPartition
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable

_log = structlog.get_logger()

KeepCopy = Callable[[int, Mapping[str, list[int | None]]], None]
"""Partition, and its cursors by subscription."""


@dataclass(slots=True)
class HookCursors:
    table: StateTable
    outbox: Outbox
    keep_copy: KeepCopy | None = None
    """Of a whole partition, after a change in it."""
    _unsaved: dict[str, tuple[int, Lane]] = field(default_factory=dict)
    _forgotten: dict[str, int] = field(default_factory=dict)
    """Of subscriptions that were deleted, by partition."""
    _copied: dict[int, dict[str, list[int | None]]] = field(default_factory=dict)
    _flushing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def moved(self, number: int, lane: Lane) -> None:
        self._unsaved[lane.hook.hook_id] = (number, lane)

    def known(self, hook: HookRecord, partition: HookPartition) -> Cursor | None:
        """What is durable of the subscription."""
        value = self.table.get(hook.hook_id.encode())
        if value is None:
            return None
        if hook.deleted_at is not None:
            self._forgotten[hook.hook_id] = partition.number
            return None
        cursor = Cursor.from_bytes(value)
        if cursor.offset > partition.end:
            _log.error(
                "hook_cursor_ahead", hook_id=hook.hook_id, partition=partition.number,
                remedy="the topic was made anew: what it holds is told from its start",
            )  # fmt: skip
            return Cursor(0)
        self._copied.setdefault(partition.number, {})[hook.hook_id] = cursor.to_list()
        return cursor

    async def save(self) -> None:
        async with self._flushing:
            unsaved, self._unsaved = self._unsaved, {}
            forgotten, self._forgotten = self._forgotten, {}
            changes: list[tuple[int, str, Cursor | None]] = []
            for number, lane in unsaved.values():
                if lane.cursor == lane.saved:
                    continue
                lane.saved = replace(lane.cursor)
                changes.append((number, lane.hook.hook_id, lane.saved))
            changes += [(number, hook_id, None) for hook_id, number in forgotten.items()]
            # What is told of the attempts first: a flush sends all topics side by side, and a
            # cursor that is durable alone would end the memory of what it passed.
            await self.outbox.flush()
            queued = [
                self.table.queue_changelog(
                    [(hook_id.encode(), None if cursor is None else cursor.to_bytes())],
                    self.outbox,
                    number,
                )
                for number, hook_id, cursor in changes
            ]
            await self.outbox.flush()
            for one in queued:
                self.table.apply(one)
            self._copy(changes)

    def _copy(self, changes: list[tuple[int, str, Cursor | None]]) -> None:
        for number, hook_id, cursor in changes:
            copied = self._copied.setdefault(number, {})
            if cursor is None:
                copied.pop(hook_id, None)
            else:
                copied[hook_id] = cursor.to_list()
        if self.keep_copy is not None:
            for number in {number for number, _, _ in changes}:
                self.keep_copy(number, self._copied[number])
