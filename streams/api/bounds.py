"""How large a body may be: counted as it arrives, whatever Content-Length says."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.api.errors import Problem
from streams.gateway import answers

LARGEST_BODY_BYTES = 256 * 1024
"""A text of 10,000 characters is at most 120 kB of escaped JSON."""


class Bounded:
    """Hands on requests within the bound; answers 413 to the others before they are whole."""

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY_BYTES) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            part = message.get("body", b"")
            size += len(part)
            if size > self._largest:
                problem = Problem("body_too_large", f"At most {self._largest} bytes.")
                error = answers.error(problem.status, problem.reason, problem.message)
                if message.get("more_body", False):
                    await answers.give_early(receive, send, error)
                else:
                    await answers.give(send, error)
                return
            parts.append(part)
            more = message.get("more_body", False)
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts)}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)
