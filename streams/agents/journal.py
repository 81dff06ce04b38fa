"""The delivery worker's memory: how far each command has come, in a table with a changelog."""

from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaProducer

from schemas.base import to_milliseconds
from schemas.events import Event
from schemas.outbound import DelayedSend
from schemas.topics import EVENTS, OUTBOUND_DELAYED
from streams.agents.dispatcher import Outgoing, Progress
from streams.agents.outbox import Outbox
from streams.agents.state_table import StateTable
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class TableJournal:
    """Each note is its own small request: sends are side by side, and each must be durable before
    its next step."""

    settings: Settings
    table: StateTable
    producer: AIOKafkaProducer

    def progress(self, command_id: str) -> str | None:
        noted = self.table.get(command_id.encode())
        return noted.decode() if noted else None

    async def note(self, item: Outgoing, progress: Progress, *events: Event) -> None:
        outbox = Outbox(self.producer, partitions=self.settings.partitions)
        for event in events:
            outbox.add(self.settings.topic(EVENTS), event.profileid.encode(), event.to_json())
        if progress == "attempting":
            await self._write(item, progress, outbox)
        else:
            # The outcome first: a crash in between leaves "attempting", and the send is then told
            # unknown as well; the outcome that is in the log already resolves it.
            await outbox.flush()
            await self._write(item, progress, outbox)

    async def delay(self, item: Outgoing, until: datetime) -> None:
        outbox = Outbox(self.producer, partitions=self.settings.partitions)
        delayed = DelayedSend(
            send=item.accepted,
            not_before=to_milliseconds(until),
            turn=item.turn + 1,
            attempts=item.attempts,
            delivered=item.delivered,
        )
        outbox.add(
            self.settings.topic(OUTBOUND_DELAYED),
            (item.accepted.subject or "").encode(),
            delayed.model_dump_json(exclude_none=True).encode(),
            partition=item.partition,
        )
        await self._write(item, f"waiting:{item.turn + 1}", outbox)

    async def _write(self, item: Outgoing, progress: str, outbox: Outbox) -> None:
        change = (item.accepted.data.command_id.encode(), progress.encode())
        changes = self.table.queue_changelog([change], outbox, item.partition)
        await outbox.flush()
        self.table.apply(changes)
