"""The HTTP client of all providers: what every request has in common.

aiohttp, since half of a busy delivery worker's Python was httpx: its pool looks at every idle
connection for every request (0.6 ms of processor time a request alone, 3.0 with 64 under way;
aiohttp takes 0.1 to 0.2).
"""

import ipaddress
import ssl
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

CONNECT_SECONDS = 5.0
POOL_SECONDS = 10.0
"""Until a connection is there, be it a free one or a new one."""
READ_SECONDS = 20.0
"""Between two pieces of an answer. Writing has no limit of its own: the whole exchange has."""
MAX_CONNECTIONS = 200
_MAX_HEADER_BYTES = 64 * 1024
"""Of one. Meta tells an account's usage in a header; one that is refused makes an outcome unknown,
and aiohttp refuses above 8 kB."""


@dataclass(slots=True)
class Phases:
    """Which phases of one request began: aiohttp tells us, so none of it is a guess."""

    waiting: bool = False
    """In line for a connection, since all are in use."""
    writing: bool = False
    """The next thing that happens is the request's first byte; from here on it may have left."""


@dataclass(frozen=True, slots=True)
class Client:
    """A session and the proxies of the environment. Close it at the end."""

    session: aiohttp.ClientSession
    proxies: dict[str, str] = field(default_factory=dict)
    """By scheme."""

    def proxy_of(self, url: str) -> str | None:
        """Which proxy an address is asked through: none on loopback (the sandbox)."""
        if not self.proxies:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if is_loopback(host) or proxy_bypass(host):
            return None
        return self.proxies.get(parts.scheme, self.proxies.get("all"))

    async def close(self) -> None:
        await self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def make_client(
    *,
    verify: ssl.SSLContext | None = None,
    read_seconds: float = READ_SECONDS,
    connections: int = MAX_CONNECTIONS,
    pool_seconds: float = POOL_SECONDS,
) -> Client:
    """TLS verified, no cookies kept; redirects are for `exchange` not to follow. Needs a loop.

    Cookies would tie together the requests of different accounts. Idle connections are given up
    after 5 s: writing on one that the platform has just closed makes an outcome unknown.
    The system's proxy settings apply; its .netrc does not, which would replace a credential.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=verify if verify is not None else ssl.create_default_context(),
            limit=connections,
            keepalive_timeout=5.0,
        ),
        timeout=aiohttp.ClientTimeout(
            total=None, connect=pool_seconds, sock_connect=CONNECT_SECONDS, sock_read=read_seconds
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": "dmstream", "accept": "application/json"},
        trace_configs=[_tracing()],
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    return Client(session, getproxies())


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tracing() -> aiohttp.TraceConfig:
    """Tells the `Phases` that come with each request."""
    tracing = aiohttp.TraceConfig()

    async def queued(_: Any, context: Any, __: Any) -> None:
        context.trace_request_ctx.waiting = True

    async def dequeued(_: Any, context: Any, __: Any) -> None:
        context.trace_request_ctx.waiting = False

    # Its name notwithstanding, it comes before the first byte (aiohttp's StreamWriter).
    async def about_to_write(_: Any, context: Any, __: Any) -> None:
        context.trace_request_ctx.writing = True

    tracing.on_connection_queued_start.append(queued)
    tracing.on_connection_queued_end.append(dequeued)
    tracing.on_request_headers_sent.append(about_to_write)
    return tracing
