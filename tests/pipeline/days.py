"""Small days made by hand: events of one profile, told in words."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from schemas import data, events
from schemas.envelope import Envelope
from schemas.ids import event_id
from sinks.archive import Archive, LogRecord

NOW = datetime.now(UTC).replace(microsecond=0)
BODY: dict[str, Any] = {"provider": "meta", "account_id": "page", "correspondent_id": "ada"}


class Day:
    """Events of one profile, told in words."""

    def __init__(self) -> None:
        self.profile = uuid.uuid4().hex
        self.events: list[Envelope] = []

    def _envelope(self, at: datetime, name: str, correspondent: str) -> dict[str, Any]:
        return {
            "id": event_id("meta", self.profile, name),
            "source": "/dmstream/meta/page",
            "time": at,
            "receivedat": at + timedelta(seconds=1),
            "subject": f"instagram:page:{correspondent}",
            "profileid": self.profile,
            "platform": "instagram",
        }

    def received(self, name: str, at: datetime, *, correspondent: str = "ada", **more: Any) -> None:
        body = data.Message(**(BODY | {"correspondent_id": correspondent}), message_id=name, **more)
        self.events.append(
            events.MessageReceived(**self._envelope(at, name, correspondent), data=body)
        )

    def sent(self, name: str, at: datetime, *, correspondent: str = "ada", **more: Any) -> None:
        body = data.Message(
            **(BODY | {"correspondent_id": correspondent}),
            message_id=name,
            **({"origin": "elsewhere"} | more),
        )
        self.events.append(events.MessageSent(**self._envelope(at, name, correspondent), data=body))

    def activated(self, correspondent: str, month: str, rank: int) -> None:
        body = data.ConversationActivated(
            **(BODY | {"correspondent_id": correspondent}), month=month, rank=rank, cause_id="m"
        )
        envelope = self._envelope(NOW, f"activated {correspondent} {month}", correspondent)
        self.events.append(events.ConversationActivated(**envelope, data=body))

    def limit(self, monthly_limit: int, at: datetime) -> None:
        envelope = self._envelope(at, f"limit {at}", "") | {"subject": None, "platform": None}
        body = data.LimitChanged(monthly_limit=monthly_limit)
        self.events.append(events.LimitChanged(**envelope, data=body))

    def zone(self, name: str, at: datetime) -> None:
        envelope = self._envelope(at, f"zone {at}", "") | {"subject": None, "platform": None}
        body = data.LimitChanged(month_zone=name)
        self.events.append(events.LimitChanged(**envelope, data=body))

    def send(self, kind: Any, body: Any, at: datetime, *, attempt: int = 0) -> None:
        name = f"{kind.__name__} {body.command_id} {attempt}"
        self.events.append(kind(**self._envelope(at, name, "ada"), data=body))

    def store(self, client: Client, database: str) -> None:
        records = [
            LogRecord(0, offset, 1_700_000_000_000, b"key", event.to_json(), ())
            for offset, event in enumerate(self.events)
        ]
        archive = Archive(client, log=uuid.uuid4().hex, topic="dm.events.v1", database=database)
        asyncio.run(archive.write(records))
