"""One HTTP exchange with a platform, and what is certain when it does not come to an answer.

What matters most about a failed POST is whether the platform can have read it. The transport
tells: httpcore reports each phase of a request, so "nothing was written" is an observation here
and no guess from the kind of an exception.
"""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from streams.providers.protocol import ErrorClass, SendError

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 10.0
READ_SECONDS = 20.0
POOL_SECONDS = 10.0
EXCHANGE_SECONDS = 45.0
"""The whole exchange: a server that drips a byte a second never trips the read limit."""
MAX_ANSWER_BYTES = 256 * 1024
"""An answer to a send is below 1 kB; more is something else, and memory is ours."""

# Raised before a byte of the request leaves: refused, unresolvable, TLS failed, pool exhausted,
# an address or a request that can't be.
_NEVER_WRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    whole: bool = True
    """False where the body broke off or was larger than what we read."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No status line came."""

    written: bool
    """The request, or a part of it, may have left this machine."""
    what: str
    """The kind of trouble, in our words."""


def make_client(
    *, verify: ssl.SSLContext | None = None, read_seconds: float = READ_SECONDS
) -> httpx.AsyncClient:
    """The client for all providers: TLS verified, redirects not followed, no cookies kept.

    Cookies would tie together the requests of different accounts. Idle connections are given up
    after 5 s: writing on one that the platform has just closed makes an outcome unknown.
    The system's proxy settings apply, except to loopback (the sandbox).
    """
    return httpx.AsyncClient(
        verify=verify if verify is not None else ssl.create_default_context(),
        follow_redirects=False,
        timeout=httpx.Timeout(
            connect=CONNECT_SECONDS, read=read_seconds, write=WRITE_SECONDS, pool=POOL_SECONDS
        ),
        limits=httpx.Limits(
            max_connections=200, max_keepalive_connections=50, keepalive_expiry=5.0
        ),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "dmstream", "accept": "application/json"},
        mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
    )


def base_address(url: str, setting: str) -> str:
    """The address without a trailing slash. Raises ValueError unless it is https or loopback:
    a token must not cross a network in the clear.
    """
    parsed = httpx.URL(url)
    if parsed.scheme == "https" and parsed.host:
        return url.rstrip("/")
    if parsed.scheme == "http" and _is_loopback(parsed.host):
        return url.rstrip("/")
    raise ValueError(f"{setting} must be an https address (plain http only on loopback)")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def json_post(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> httpx.Request:
    """A POST of JSON in pure ASCII: no text can fail to be encoded."""
    return client.build_request(
        "POST",
        url,
        content=json.dumps(body, ensure_ascii=True, separators=(",", ":")),
        headers={"content-type": "application/json", **headers},
    )


class _Phases:
    """Listens to httpcore's trace: which phases of a request began."""

    def __init__(self) -> None:
        self.seen = False
        self.writing = False

    async def __call__(self, event: str, _info: Mapping[str, object]) -> None:
        self.seen = True
        if event.endswith(("send_request_headers.started", "send_connection_init.started")):
            self.writing = True


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    seconds: float = EXCHANGE_SECONDS,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer | NoAnswer:
    """Writes the request once and reads the answer. Never raises for what the network does."""
    phases = _Phases()
    request.extensions["trace"] = phases
    answer: Answer | None = None
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(request, stream=True)
            headers = {name.lower(): value for name, value in response.headers.items()}
            answer = Answer(response.status_code, headers, b"", whole=False)
            try:
                body, whole = await _read(response, max_bytes)
                return Answer(response.status_code, headers, body, whole=whole)
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
        if answer is not None:
            return answer
        # A transport that reports no phases (a test's) is taken at its worst.
        written = not isinstance(error, _NEVER_WRITTEN) and (phases.writing or not phases.seen)
        return NoAnswer(written=written, what=_describe(error))


async def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), False
    return bytes(body), True


def _describe(error: Exception) -> str:
    """By kind, never by text: an exception's text may hold an address with a user's id in it."""
    match error:
        case httpx.ConnectTimeout():
            return "the connection could not be made in time"
        case httpx.ConnectError():
            return "the connection could not be made (refused, not resolved, or TLS failed)"
        case httpx.PoolTimeout():
            return "no connection became free in time"
        case httpx.TimeoutException() | TimeoutError():
            return "no answer came in time"
        case httpx.ProxyError():
            return "the proxy refused"
        case _:
            return f"the connection broke ({type(error).__name__})"


def no_answer_error(no_answer: NoAnswer, platform: str) -> SendError:
    """Transient where nothing was written, else the message may have been kept."""
    if no_answer.written:
        return SendError(
            ErrorClass.MAYBE_DELIVERED,
            f"{platform}: {no_answer.what} after the request was written; it may have arrived",
        )
    return SendError(
        ErrorClass.TRANSIENT, f"{platform}: {no_answer.what}; nothing was written to it"
    )
