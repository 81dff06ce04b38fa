"""Calls an ASGI app in process, message by message, and a publisher that remembers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import SecretStr

from schemas.base import Provider
from streams.gateway.app import Gateway, create_app
from streams.gateway.draining import Draining
from streams.gateway.keep import Headers, NotKeptError
from streams.gateway.webhooks import Reference
from streams.settings import Settings

NOW = datetime(2026, 11, 22, 14, 33, 7, 120_000, tzinfo=UTC)
SECRETS = {"ayrshare": "hook-secret", "meta": "app-secret", "x": "consumer-secret"}


def first_account(_: Provider, body: bytes) -> str:
    """Stands for `account_reference`: the account that the body names, by the simplest rule."""
    content = orjson.loads(body)
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what account_reference promises
    if content.get("entry"):
        return str(content["entry"][0]["id"])
    return str(content.get("refId") or content.get("for_user_id") or "")


@dataclass
class RecordingPublisher:
    """Keeps in memory; with `trouble` it keeps nothing and raises it."""

    kept: list[tuple[bytes, bytes, dict[str, bytes]]] = field(default_factory=list)
    trouble: NotKeptError | None = None
    gate: asyncio.Event | None = None
    """Held shut, it is a broker that takes its time."""

    async def publish(self, key: bytes, value: bytes, headers: Headers) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        self.kept.append((key, value, dict(headers)))

    async def check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def check_settings(self) -> None:
        if self.trouble is not None and self.trouble.reason == "partitions_differ":
            raise self.trouble

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> dict[str, Any]:
        """The error in its one shape."""
        assert self.headers["content-type"] == "application/json"
        content: dict[str, Any] = orjson.loads(self.body)
        assert set(content) == {"status", "code", "message", "reason"}
        assert content["status"] == "error"
        assert content["code"] == self.status
        return content


def settings_for_tests(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "ayrshare_secrets": (SecretStr(SECRETS["ayrshare"]),),
        "meta_app_secrets": (SecretStr(SECRETS["meta"]),),
        "meta_verify_token": SecretStr("verify-me"),
        "x_consumer_secrets": (SecretStr(SECRETS["x"]),),
    }
    return Settings(_env_file=None, **(values | changes))


def gateway(
    publisher: RecordingPublisher,
    *,
    reference: Reference = first_account,
    draining: Draining | None = None,
    **settings: Any,
) -> Gateway:
    return create_app(
        settings_for_tests(**settings),
        publisher,
        reference=reference,
        now=lambda: NOW,
        draining=draining,
    )


async def call_async(
    app: Callable[..., Awaitable[None]],
    method: str,
    target: str,
    *,
    headers: dict[str, str] | Sequence[tuple[str, str]] = (),
    chunks: Sequence[bytes] = (b"",),
    disconnects: bool = False,
) -> Reply:
    """One request. `disconnects`: the client leaves after the chunks, before the body's end."""
    path, _, query = target.partition("?")
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    arriving: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": disconnects or i < len(chunks) - 1}
        for i, chunk in enumerate(chunks)
    ]
    reply = Reply()

    async def receive() -> dict[str, Any]:
        return arriving.pop(0) if arriving else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    await app(scope, receive, send)
    return reply


def call(app: Callable[..., Awaitable[None]], method: str, target: str, **rest: Any) -> Reply:
    return asyncio.run(call_async(app, method, target, **rest))
