"""Breaking a connection on purpose: what no HTTP framework offers, and platforms do."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_TRANSPORT = "sandbox.transport"
_LINGER_ZERO = struct.pack("ii", 1, 0)  # close with a reset, not with an orderly end


class Sockets:
    """Outermost: lets endpoints reach the connection that their request came on.

    uvicorn's `send` is a method of the request's cycle, which holds the transport.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


def reset(request: Request) -> Response:
    """Cuts the connection with a TCP reset. The answer returned goes nowhere."""
    transport: Any = request.scope.get(_TRANSPORT)
    if transport is None:
        raise RuntimeError("connections can be reset under uvicorn only")
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
    return Response()


class Truncated(JSONResponse):
    """Promises more than it sends, then resets the connection."""

    def __init__(self, request: Request, content: Any) -> None:
        super().__init__(content)
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100000")]
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.05)  # let the half leave before the reset drops what is queued
        reset(self._request)


async def hang(request: Request, seconds: float) -> Response:
    """Says nothing until the caller gives up, at most so long; then cuts the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    return reset(request)
