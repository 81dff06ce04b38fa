"""The sandbox as a process, and a gateway's stand-in that keeps what it posts."""

import asyncio
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.local import processes
from streams.settings import Settings

SECRETS = {
    "DM_AYRSHARE_SECRETS": "ayrshare-hook-secret",
    "DM_META_APP_SECRETS": "meta-app-secret",
    "DM_X_CONSUMER_SECRETS": "x-consumer-secret",
}
PATHS = {
    "ayrshare_url": "/ayrshare/api",
    "meta_graph_url": "/meta/graph/v25.0",
    "meta_instagram_url": "/meta/instagram/v25.0",
    "x_url": "/x",
}


@cache
def _client(_thread: int) -> httpx.Client:
    """One a thread: where eight share one, one of them may close a connection that it takes for
    idle while another begins to read from it."""
    return httpx.Client(verify=False, trust_env=False, timeout=15.0)  # noqa: S501 - plain loopback


def digits() -> str:
    """An id that no other test uses."""
    return str(uuid.uuid4().int)[:15]


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found


@dataclass
class Inbox:
    """What the sandbox posted to the gateway's routes."""

    port: int
    posts: list[Received] = field(default_factory=list)
    refuse: int = 0
    """Answer 503 to so many first."""

    def wait_for(self, wanted: Callable[[Received], bool], seconds: float = 10.0) -> Received:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for post in list(self.posts):
                if wanted(post):
                    return post
            time.sleep(0.02)
        raise AssertionError(f"no such webhook among {len(self.posts)}")


@contextmanager
def inbox() -> Iterator[Inbox]:
    found = Inbox(processes.free_port())

    async def keep(request: Request) -> Response:
        body = await request.body()
        if found.refuse > 0:
            found.refuse -= 1
            return Response(status_code=503)
        found.posts.append(Received(request.url.path, dict(request.headers), body))
        return Response()

    app = Starlette(routes=[Route("/{path:path}", keep, methods=["POST"])])
    config = uvicorn.Config(app, port=found.port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait_until(lambda: processes.is_listening(found.port))
    yield found
    server.should_exit = True
    thread.join(5)


@dataclass
class Sandbox:
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> Settings:
        addresses: dict[str, Any] = {name: self.address + path for name, path in PATHS.items()}
        return Settings(_env_file=None, media_allow_private=True, **addresses)

    def post(self, route: str, **body: Any) -> Any:
        return self._call("POST", route, body)

    def get(self, route: str) -> Any:
        return self._call("GET", route, None)

    def clear_faults(self) -> None:
        self._call("DELETE", "faults", None)

    def attempts(self, recipient_id: str) -> list[dict[str, Any]]:
        return [a for a in self.get("attempts") if a["recipient_id"] == recipient_id]

    def kept(self, correspondent_id: str, by: str = "account") -> list[dict[str, Any]]:
        return [
            m
            for m in self.get("messages")
            if m["correspondent_id"] == correspondent_id and m["by"] == by
        ]

    def _call(self, method: str, route: str, body: Any) -> Any:
        response = _client(threading.get_ident()).request(
            method, f"{self.address}/_sandbox/{route}", json=body
        )
        response.raise_for_status()
        return response.json()


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[Sandbox]:
    """As a process of its own, on a free port."""
    port = processes.free_port()
    child = processes.start(
        [sys.executable, "-m", "streams.sandbox", "--port", str(port), *options],
        log_file=folder / f"sandbox-{port}.log",
        environment=SECRETS,
    )
    wait_until(lambda: processes.is_listening(port) or child.poll() is not None)
    assert child.poll() is None, "the sandbox ended: see its log"
    try:
        yield Sandbox(port)
    finally:
        processes.stop(child)


def wait_until(ready: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError("it did not become ready")
        time.sleep(0.02)
