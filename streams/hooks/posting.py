"""One request to a subscriber: a stranger's address, opened by our machine.

The check of the address is at the moment of connecting, on the very address that is connected to:
a name that resolves differently a second after its registration gains nothing. Redirects are not
followed (httpcore never does), no proxy and no cookies are used, and what the subscriber answers is
read up to a limit and thrown away.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from streams.public_addresses import addresses_of, is_public

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 16 * 1024
"""So much is read, so that the connection can be used again; with more it is closed."""
MAX_CONNECTIONS = 2_000

_OWN = {
    "content-type": "application/json; charset=utf-8",
    "user-agent": "dmstream",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int | None
    """None: no answer came."""
    error: str = ""
    """Why not, in our words."""
    retry_after: float | None = None
    """Seconds that the receiver asks for."""
    milliseconds: int = 0

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


class _AddressRefusedError(httpcore.ConnectError):
    pass


class _Network(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, unless told otherwise. TLS is for the name, above this."""

    def __init__(self, *, allow_private: bool) -> None:
        self._sockets = httpcore.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await addresses_of(host, port)
        except OSError as error:
            raise httpcore.ConnectError("not resolved") from error
        if not found:
            raise httpcore.ConnectError("not resolved")
        if not self._allow_private and not all(map(is_public, found)):
            raise _AddressRefusedError("not public")
        return await self._sockets.connect_tcp(
            found[0], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise _AddressRefusedError("not a network address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Poster:
    """Keeps connections for some seconds. `close` at the end."""

    def __init__(
        self, *, seconds: float, allow_private: bool, verify: ssl.SSLContext | None = None
    ) -> None:
        """`seconds` bound the whole exchange: a receiver that drips bytes gains nothing."""
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify or ssl.create_default_context(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=200,
            keepalive_expiry=5.0,
            network_backend=_Network(allow_private=allow_private),
        )

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Never raises for what the network or the receiver does."""
        began = time.monotonic()
        sent = _OWN | {"content-length": str(len(body))} | headers
        status: int | None = None
        error, retry_after = "", None
        try:
            async with asyncio.timeout(self._seconds):
                async with self._pool.stream(
                    "POST",
                    url,
                    headers=[(name.encode(), value.encode()) for name, value in sent.items()],
                    content=body,
                    extensions={"timeout": {"connect": min(CONNECT_SECONDS, self._seconds)}},
                ) as response:
                    status = response.status
                    retry_after = _seconds(response.headers)
                    await _read(response)
        except _AddressRefusedError:
            error = "the address is not on the public internet"
        except (TimeoutError, httpcore.TimeoutException):
            error = "no answer in time"
        except httpcore.ConnectError:
            error = "no connection (refused, not resolved, or TLS failed)"
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as one:
            error = f"the connection broke ({type(one).__name__})"
        # A status is an answer, whatever became of the body behind it.
        took = round((time.monotonic() - began) * 1000)
        return Reply(status, "" if status is not None else error, retry_after, took)

    async def close(self) -> None:
        await self._pool.aclose()


async def _read(response: httpcore.Response) -> None:
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return


def _seconds(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Of Retry-After, where it tells seconds."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 7:  # noqa: PLR2004
            return float(value)
    return None
