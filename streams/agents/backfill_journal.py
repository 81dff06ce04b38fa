"""How far each backfill has come, in a table with a changelog: a killed worker's successor goes on
from the last page that was written whole."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import orjson

from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.providers.protocol import HistoryPage


@dataclass(frozen=True, slots=True)
class Progress:
    """What was read so far. Counts are of what was read: a page that a kill cut is read again."""

    cursor: str | None = None
    messages: int = 0
    conversations: int = 0
    skipped: int = 0
    foreign: int = 0
    is_done: bool = False

    def after(self, page: HistoryPage, new_conversations: int) -> "Progress":
        return replace(
            self,
            cursor=page.cursor,
            messages=self.messages + len(page.messages),
            conversations=self.conversations + new_conversations,
            skipped=self.skipped + page.skipped,
            foreign=self.foreign + page.foreign,
        )

    def done(self) -> "Progress":
        return replace(self, is_done=True)


@dataclass(frozen=True, slots=True)
class BackfillJournal:
    """Keys are request ids; values are short JSON."""

    table: StateTable
    make_outbox: Callable[[], Outbox]

    def read(self, request_id: str) -> Progress:
        value = self.table.get(request_id.encode())
        return Progress() if value is None else Progress(**orjson.loads(value))

    async def note(self, request_id: str, progress: Progress, partition: int) -> None:
        """Returns once it is durable. What it tells of must be durable before."""
        outbox = self.make_outbox()
        changes = self.table.queue_changelog(
            [(request_id.encode(), orjson.dumps(asdict(progress)))], outbox, partition
        )
        await outbox.flush()
        self.table.apply(changes)
