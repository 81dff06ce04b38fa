"""Reads a body within its bounds: of one request, and of all that are under way."""

from typing import Self

from starlette.types import Receive


class BodyTooLargeError(Exception):
    """The body is longer than one webhook may be."""


class TooMuchInFlightError(Exception):
    """All bodies under way together have reached their bound; later there is room again."""


class ClientGoneError(Exception):
    """The client left before its body was whole."""


class InFlight:
    """Bytes of bodies that are being read or waiting for the broker, over all requests."""

    __slots__ = ("_bound", "held")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self.held = 0

    def take(self, count: int) -> None:
        """Raises TooMuchInFlightError, and takes nothing then."""
        if self.held + count > self._bound:
            raise TooMuchInFlightError
        self.held += count

    def give_back(self, count: int) -> None:
        self.held -= count


class Hold:
    """What one request takes of it, given back when the request ends, however it ends."""

    __slots__ = ("_in_flight", "count")

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self.count = 0

    def take(self, count: int) -> None:
        self._in_flight.take(count)
        self.count += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.give_back(self.count)


async def read_body(receive: Receive, limit: int, hold: Hold) -> bytes:
    """The whole body, held. Raises BodyTooLargeError, TooMuchInFlightError, ClientGoneError.

    What arrives is held, not what Content-Length promises: a promise would let a sender who never
    keeps it block others.
    """
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        if hold.count + len(part) > limit:
            raise BodyTooLargeError
        hold.take(len(part))
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else part
        parts.append(part)
