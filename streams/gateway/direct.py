"""Whole deliveries, answered without a task of their own.

A webhook is a few hundred bytes and arrives in one piece. As an ASGI request it costs a task, ten
coroutines and two messages to be taken apart, to answer with one of a dozen answers that are known
beforehand. Here it is handed over when its last byte is parsed, and answered by a callback. What
does not fit (a body in pieces, a sender that does not read, a bound that is reached) goes by ASGI.
uvicorn and httptools still do all that is HTTP.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from streams.gateway.answers import Answer
from streams.gateway.protocol import BoundedHttp


class Deliveries(Protocol):
    """Takes what is posted to one path."""

    def deliver(
        self, raw: Sequence[tuple[bytes, bytes]], body: bytes, give: Callable[[Answer], None]
    ) -> bool:
        """Headers and whole body. `give` is called once, now or later; not at all where False is
        returned, which leaves the request to ASGI."""


DeliveriesAt = Callable[[str], Deliveries | None]
"""By path."""


class DirectHttp(BoundedHttp):
    """One connection. Made by `direct_http`."""

    deliveries_at: DeliveriesAt

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: tuple[RequestResponseCycle, Any] | None = None
        """The request that is being parsed, with its app, while it may still be whole."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:  # more of it is to come
            self._start_held()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body and cycle.scope["method"] == "POST":
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._held is not None and not self._is_delivered(self._held[0]):
            self._start_held()
        self._held = None

    def _start_held(self) -> None:
        assert self._held is not None
        (cycle, app), self._held = self._held, None
        super()._start_asgi_task(cycle, app)

    def _is_delivered(self, cycle: RequestResponseCycle) -> bool:
        deliveries = self.deliveries_at(cycle.scope["path"])
        if deliveries is None or self.flow.write_paused:
            return False
        return deliveries.deliver(self.headers, bytes(cycle.body), partial(self._answer, cycle))

    def _answer(self, cycle: RequestResponseCycle, answer: Answer) -> None:
        """As uvicorn's cycle would, in one piece."""
        if cycle.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[answer.status]]
        parts += [b"%b: %b\r\n" % field for field in cycle.default_headers]
        parts.append(answer.fields)
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += [b"\r\n", answer.body["body"]]
        self.transport.write(b"".join(parts))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


def direct_http(arrival_seconds: float, deliveries_at: DeliveriesAt) -> type[DirectHttp]:
    """uvicorn makes the protocol itself, so what it needs travels with the class."""
    own = {"arrival_seconds": arrival_seconds, "deliveries_at": staticmethod(deliveries_at)}
    return type("DirectHttp", (DirectHttp,), own)
