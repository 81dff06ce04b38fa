"""The answers of the gateway, made once: ready ASGI messages, and the one JSON shape of errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Message, Receive, Send

# Nothing here is for a cache, and nothing may be taken for a page by a browser.
SECURITY_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_LARGEST_DRAIN = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response: the two messages that ASGI's `send` takes."""

    start: Message
    body: Message
    fields: bytes
    """The headers as they are written, each with its line's end."""

    @property
    def status(self) -> int:
        status: int = self.start["status"]
        return status


def answer(
    status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None
) -> Answer:
    payload = orjson.dumps(content)
    fields = {
        "content-type": "application/json",
        "content-length": str(len(payload)),
        **SECURITY_HEADERS,
        **(headers or {}),
    }
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    return _made(status, encoded, payload)


def empty(status: int) -> Answer:
    return _made(status, [(b"content-length", b"0")], b"")


def _made(status: int, fields: list[tuple[bytes, bytes]], payload: bytes) -> Answer:
    return Answer(
        start={"type": "http.response.start", "status": status, "headers": fields},
        body={"type": "http.response.body", "body": payload},
        fields=b"".join(b"%b: %b\r\n" % field for field in fields),
    )


def error_content(status: int, reason: str, message: str) -> dict[str, Any]:
    """What every error of the gateway says. `reason` is for programs and does not change."""
    return {"status": "error", "code": status, "message": message, "reason": reason}


def error(
    status: int, reason: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    return answer(status, error_content(status, reason, message), headers)


async def give(send: Send, what: Answer) -> None:
    await send(what.start)
    await send(what.body)


async def give_early(receive: Receive, send: Send, what: Answer) -> None:
    """Answers before the body was read, and ends the connection.

    What still arrives is read and dropped for a while: closing over unread bytes makes the
    kernel reset the connection, and the sender would see the reset in place of our answer.
    """
    start = {**what.start, "headers": [*what.start["headers"], (b"connection", b"close")]}
    await send(start)
    await send({**what.body, "more_body": True})
    dropped = 0
    while dropped < _LARGEST_DRAIN:
        message = await receive()
        dropped += len(message.get("body", b""))
        if not message.get("more_body", False):  # the end of the body, or a disconnect
            break
    await send({"type": "http.response.body", "body": b""})
