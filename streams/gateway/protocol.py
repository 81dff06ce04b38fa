"""HTTP/1.1 by uvicorn and httptools, with the bounds that uvicorn leaves to a proxy in front.

uvicorn waits for ever for the rest of a request and takes a head of any length. Here a request
must arrive whole in a given time and its head in a given size. The usual request arrives in one
piece, and for it no timer is ever set.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from streams.gateway import answers

LARGEST_HEAD_BYTES = 32 * 1024

_BROKEN = answers.error(400, "invalid_request", "this is not HTTP/1.1")
_LATE = answers.error(408, "request_timeout", "the request did not arrive whole in time")
_LONG_HEAD = answers.error(431, "head_too_large", "the request line and headers are too long")


class BoundedHttp(HttpToolsProtocol):
    """One connection. Made by `bounded_http`, which sets the time."""

    arrival_seconds: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving = False
        self._head_bytes: int | None = 0
        """Of the head that is arriving; None while a body is."""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._arriving or self.transport.is_closing():
            return
        if self._deadline is None:
            self._set_deadline()
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD_BYTES:
                self._end(_LONG_HEAD)

    def on_message_begin(self) -> None:
        self._arriving = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._deadline is not None:
            self._clear_deadline()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        self._end(_BROKEN)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.arrival_seconds, self._too_late)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._arriving:
            self._end(_LATE)
        else:
            self.transport.close()  # it connected and never said anything

    def _end(self, answer: answers.Answer) -> None:
        """Closes, after an answer where one can still be told from another request's."""
        answering = self.cycle is not None and not self.cycle.response_complete
        own = self._head_bytes is None
        if not answering or (own and not self.cycle.response_started and not self.pipeline):
            fields = [*answer.start["headers"], (b"connection", b"close")]
            head = b"".join(b"%b: %b\r\n" % field for field in fields)
            body: bytes = answer.body["body"]
            self.transport.write(STATUS_LINE[answer.status] + head + b"\r\n" + body)
        self.transport.close()


def bounded_http(arrival_seconds: float) -> type[BoundedHttp]:
    """uvicorn makes the protocol itself, so the time travels with the class."""
    return type("BoundedHttp", (BoundedHttp,), {"arrival_seconds": arrival_seconds})
