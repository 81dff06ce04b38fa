"""Words for tests of webhooks: who subscribes, what they were told, and who is erased."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from schemas import commands
from schemas.base import to_milliseconds
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.api import Api, Shop, serving
from tests.pipeline.sandbox import digits
from tests.pipeline.subscribers import Got


@contextmanager
def serving_webhooks(broker: Broker, clickhouse: ClickHouse, folder: Path) -> Iterator[Api]:
    """An API whose webhooks come to this machine, and are soon tried again."""
    more = {"hook_allow_private": "true", "hook_retry_seconds": "0.2,0.5"}
    with serving(broker, clickhouse, folder, **more) as found:
        found.talk.running.start("webhooks")
        yield found


def subscribe(shop: Shop, url: str, **more: Any) -> httpx.Response:
    body = {"action": "messages", "url": url, **more.pop("body", {})}
    answer = shop.client.ask("POST", "/hook/webhook", json=body, **more)
    assert answer.status_code == 200, answer.text
    return answer


def now(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def told(got: list[Got]) -> list[str]:
    return [one.body["message"] for one in got]


def wait(api: Api, done: Any, what: str) -> None:
    api.talk.running.wait(done, 30, what)


def erase(api: Api, shop: Shop, person: str) -> None:
    api.talk.log.write(
        commands.EraseCorrespondent(
            command_id=digits(),
            profileid=shop.client.profile,
            issued_at=to_milliseconds(datetime.now(UTC)),
            conversation_id=shop.conversation(person),
        )
    )
    wait(
        api,
        lambda: all("message" not in one for one in shop.history(person)),
        "the archive without content",
    )
