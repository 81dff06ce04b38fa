"""A pipeline with its REST API, spoken to by an ordinary HTTP client and by signed webhooks."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from schemas.topics import COMMANDS
from streams.gateway.signatures import sign_meta
from streams.keys import make_key, write_keys
from streams.local import processes
from streams.log_positions import log_ends
from tests.conftest import ClickHouse
from tests.engines import Broker
from tests.pipeline.sandbox import SECRETS, digits
from tests.pipeline.talking import Talk, own_settings, talking


@dataclass
class Client:
    """Of one profile. `profile` is what `POST /profiles` gave as profileKey."""

    http: httpx.Client
    key: str
    profile: str = ""

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Again where it is 503, as a client would: the machine may do other work, too."""
        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        if self.profile:
            headers.setdefault("profile-key", self.profile)
        deadline = time.monotonic() + 60
        while True:
            response = self.http.request(method, path, headers=headers, **more)
            if response.status_code != 503 or time.monotonic() > deadline:
                return response
            time.sleep(0.5)

    def done(self, method: str, path: str, **more: Any) -> Any:
        """Its body, once it is 200: on a machine that does other work, too, the archive may stay
        behind for longer than a request waits for it."""
        deadline = time.monotonic() + 60
        while True:
            response = self.ask(method, path, **more)
            if response.status_code == 200 or time.monotonic() > deadline:
                assert response.status_code == 200, response.text
                return response.json()
            time.sleep(0.5)

    def get(self, path: str, **params: Any) -> Any:
        response = self.ask("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def send(self, platform: str = "facebook", **body: Any) -> httpx.Response:
        headers = body.pop("headers", {})
        return self.ask("POST", f"/messages/{platform}", json=body, headers=headers)


@dataclass
class Api:
    talk: Talk
    http: httpx.Client

    def key(self, *scopes: Any, profiles: tuple[str, ...] = (), rate: int | None = None) -> str:
        made, record = make_key(
            scopes=scopes or ("send", "read", "admin"),
            profiles=profiles,
            rate_max=rate,
            at=datetime.now(UTC),
        )
        asyncio.run(write_keys(self.talk.running.settings, [record]))

        self.talk.running.wait(lambda: _lets_in(str(self.http.base_url), made), 10, "key")
        return made

    def client(self, **more: Any) -> Client:
        return Client(self.http, self.key(rate=100_000, **more))

    def registered(self) -> Client:
        """Of a new profile that has nothing yet."""
        client = self.client()
        client.profile = client.done("POST", "/profiles", json={"title": "New"})["profileKey"]
        return client

    @contextmanager
    def second_gateway(self, **environment: str) -> Iterator[str]:
        """Another one, before the same Kafka and ClickHouse; its address."""
        running = self.talk.running
        port = processes.free_port()
        child = processes.start(
            [sys.executable, "-m", "streams.cli", "gateway", "--port", str(port)],
            log_file=running.folder / "second.log",
            environment=running.environment() | environment,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            running.wait(lambda: processes.is_listening(port), 20, "second gateway")
            running.wait(lambda: _lets_in(address, self.key("read")), 20, "its keys")
            yield address
        finally:
            processes.stop(child)

    def shop(self, platform: str = "facebook", **profile: Any) -> "Shop":
        """A profile with one account that works, made over the API."""
        client = self.client()
        made = client.ask("POST", "/profiles", json={"title": "Shop", **profile})
        assert made.status_code == 200, made.text
        client.profile = made.json()["profileKey"]
        account = digits()
        self.talk.box.post(
            "accounts", provider="meta", platform=platform, account_id=account, token=digits()
        )
        client.done("PATCH", "/profiles", json={"messagingActive": True})
        shop = Shop(self, client, platform, account)
        shop.link()
        return shop


@dataclass
class Shop:
    api: Api
    client: Client
    platform: str
    account: str

    def link(self) -> None:
        body = {"platform": self.platform, "accountId": self.account, "provider": "meta"}
        self.client.done("POST", "/profiles/social", json=body)

    def somebody_writes(self, person: str | None = None, **more: Any) -> str:
        """Through a signed webhook; returns once the pipeline knows."""
        person = person or digits()
        message = f"m_{uuid.uuid4().hex}"
        text = more.pop("text", "Do you still have it in blue?")
        self.webhook(
            person,
            seconds_ago=more.pop("seconds_ago", 0),
            message={"mid": message, "text": text},
        )
        self.api.talk.running.wait(
            lambda: any(m["id"] == message for m in self.history(person)), 20, "message"
        )
        return person

    def webhook(self, person: str, *, seconds_ago: float = 0, **item: Any) -> None:
        """A signed webhook of Meta's with this one item; kept when this returns."""
        at = int((time.time() - seconds_ago) * 1000)
        messaging = {
            "sender": {"id": person},
            "recipient": {"id": self.account},
            "timestamp": at,
            **item,
        }
        entry = {"id": self.account, "time": at, "messaging": [messaging]}
        kind = "page" if self.platform == "facebook" else "instagram"
        body = json.dumps({"object": kind, "entry": [entry]}).encode()
        signed = sign_meta(SECRETS["DM_META_APP_SECRETS"], body)
        posted = self.api.http.post("/webhooks/meta", content=body, headers=signed)
        assert posted.status_code == 200, posted.text

    def conversation(self, person: str) -> str:
        return f"{self.platform}:{self.account}:{person}"

    def history(self, person: str) -> list[Any]:
        response = self.client.ask(
            "GET",
            f"/messages/{self.platform}",
            params={"conversationId": self.conversation(person)},
        )
        if response.status_code == 404:
            return []
        assert response.status_code == 200, response.text
        found: list[Any] = response.json()["messages"]
        return found


def refused(response: httpx.Response, status: int, reason: str, code: int | None = None) -> Any:
    """The body of an error that is this one."""
    assert response.status_code == status, response.text
    body = response.json()
    assert (body["status"], body["reason"]) == ("error", reason)
    assert body["code"] == (code or status)
    assert body["message"]
    return body


def reason(response: httpx.Response, status: int) -> str:
    """Of an error with this status, in the shape of all errors."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["status"] == "error"
    assert set(body) >= {"status", "code", "message", "reason"}
    return str(body["reason"])


def commands_written(api: Api) -> int:
    return sum(asyncio.run(log_ends(api.talk.running.settings, COMMANDS)).values())


def padded(text: str) -> str:
    """Base64 as its readers want it."""
    return text + "=" * (-len(text) % 4)


def _lets_in(address: str, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{address}/openapi.json", headers=headers).status_code == 200


@contextmanager
def serving(broker: Broker, clickhouse: ClickHouse, folder: Path, **more: str) -> Iterator[Api]:
    """All workers, the gateway, and the sandbox in the platforms' place."""
    settings = own_settings(broker, folder, clickhouse)
    with talking(settings, folder, "conversations", "delivery", "history", **more) as talk:
        address = f"http://127.0.0.1:{talk.running.settings.port}"
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as http:
            yield Api(talk, http)
