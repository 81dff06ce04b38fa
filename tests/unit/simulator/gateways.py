"""Gateways to send to: real HTTP servers on loopback, each with another behaviour.

The verifying one knows the providers' rules from their documents; it shares no code with what it
checks, nor with the product's gateway.
"""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SECRETS = {"ayrshare": "hook-secret", "meta": "app-secret", "x": "consumer-secret"}


@dataclass
class Heard:
    """What a gateway got: counts by provider and answer, and the bodies it took."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0


Answer = Callable[[Request, bytes, Heard], Awaitable[Response]]


async def verifying(request: Request, body: bytes, heard: Heard) -> Response:
    status = _verified(request, body)
    provider = request.path_params["provider"]
    heard.answers[provider, status] += 1
    if status == 200:
        heard.bodies.append(body)
    return Response(status_code=status)


def _verified(request: Request, body: bytes) -> int:
    provider = request.path_params["provider"]
    digest = hmac.new(SECRETS[provider].encode(), body, hashlib.sha256)
    if provider == "ayrshare":
        told = request.headers["x-authorization-content-sha256"]
        signed_at = int(request.headers["x-authorization-timestamp"])
        right = told == digest.hexdigest() and abs(time.time() - signed_at) < 300
    elif provider == "meta":
        right = request.headers["x-hub-signature-256"] == f"sha256={digest.hexdigest()}"
    else:
        wanted = "sha256=" + base64.b64encode(digest.digest()).decode()
        right = request.headers["x-twitter-webhooks-signature"] == wanted
    if not right:
        return 401
    try:
        return 200 if isinstance(json.loads(body), dict) else 400
    except ValueError:
        return 400


@contextmanager
def gateway(answer: Answer = verifying) -> Iterator[tuple[str, Heard]]:
    """The address, and what is heard there. Ends with the block."""
    heard = Heard()

    async def take(request: Request) -> Response:
        heard.now += 1
        heard.most_at_once = max(heard.most_at_once, heard.now)
        try:
            return await answer(request, await request.body(), heard)
        finally:
            heard.now -= 1

    app = Starlette(routes=[Route("/webhooks/{provider}", take, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", lifespan="off", ws="none", loop="asyncio")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
        finally:
            server.should_exit = True
            thread.join(timeout=10)
