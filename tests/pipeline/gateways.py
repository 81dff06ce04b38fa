"""Gateways as processes, what they answer, and what is on their topic."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from schemas.topics import TOPICS, WEBHOOKS
from streams.gateway.signatures import sign_meta
from streams.kafka import reader
from streams.settings import Settings

WEBHOOK_TOPIC = tuple(topic for topic in TOPICS if topic.name == WEBHOOKS)
ENVIRONMENT = {
    "DM_AYRSHARE_SECRETS": "hook-secret",
    "DM_META_APP_SECRETS": "next-app-secret,app-secret",
    "DM_META_VERIFY_TOKEN": "verify-me",
    "DM_X_CONSUMER_SECRETS": "consumer-secret",
    "DM_PUBLISH_TIMEOUT_SECONDS": "1.5",
    "DM_REQUEST_TIMEOUT_SECONDS": "30",  # a machine that is busy with tests is slow to send
    "DM_MAX_BODY_BYTES": "200000",
    "DM_EMBEDDED": "true",
}


@dataclass
class Gateway:
    process: subprocess.Popen[bytes]
    url: str
    port: int
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def post(self, body: bytes, **options: Any) -> httpx.Response:
        headers = sign_meta("app-secret", body)
        return httpx.post(f"{self.url}/webhooks/meta", content=body, headers=headers, **options)

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz").status_code == 200


Start = Callable[..., Gateway]


def refused(reply: httpx.Response, *, within: float) -> None:
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.elapsed.total_seconds() < within


def wait_until(holds: Callable[[], object], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def records(settings: Settings, at_least: int) -> list[Any]:
    """What the topic holds: read until so many were seen and then nothing for half a second."""

    async def read() -> list[Any]:
        consumer = reader(settings, WEBHOOKS)
        await consumer.start()
        seen: list[Any] = []
        deadline = time.monotonic() + 15
        try:
            while time.monotonic() < deadline:
                fetched = await consumer.getmany(timeout_ms=500)
                if not fetched and len(seen) >= at_least:
                    break
                seen += [record for batch in fetched.values() for record in batch]
        finally:
            await consumer.stop()
        return seen

    return asyncio.run(read())
