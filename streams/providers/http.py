"""One HTTP exchange with a platform, and what is certain when it does not come to an answer.

What matters most about a failed POST is whether the platform can have read it. The client tells
when it is about to write, so "nothing was written" is an observation here and no guess from the
kind of an exception.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from streams.providers.client import Client, Phases, is_loopback
from streams.providers.protocol import ErrorClass, SendError

EXCHANGE_SECONDS = 45.0
"""The whole exchange: a server that drips a byte a second never trips the read limit."""
MAX_ANSWER_BYTES = 256 * 1024
"""An answer to a send is below 1 kB; more is something else, and memory is ours."""


_LARGE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """Its repr shows neither a token nor a text."""

    method: str
    url: str = field(repr=False)
    """As it goes out: nothing in it is quoted any more."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    """Whom the certificate must be for, where the address names an IP."""


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


def base_address(url: str, setting: str) -> str:
    """The address without a trailing slash. Raises ValueError unless it is https or loopback:
    a token must not cross a network in the clear.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return url.rstrip("/")
    raise ValueError(f"{setting} must be an https address (plain http only on loopback)")


def json_post(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
    """A POST of JSON in pure ASCII: no text can fail to be encoded."""
    content = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
    return Request("POST", url, {"content-type": "application/json", **headers}, content)


def get(url: str, headers: Mapping[str, str], params: Mapping[str, str] | None = None) -> Request:
    return Request("GET", f"{url}?{urlencode(params)}" if params else url, headers)


async def exchange(
    client: Client,
    request: Request,
    *,
    seconds: float = EXCHANGE_SECONDS,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer | NoAnswer:
    """Writes the request and reads the answer. Never raises for what the network does.

    A POST is written once. A GET on a connection that the other side had closed is written anew.
    """
    phases = Phases()
    answer: Answer | None = None
    try:
        async with asyncio.timeout(seconds):
            response = await client.session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=_in_pieces(request.body),
                allow_redirects=False,
                proxy=client.proxy_of(request.url),
                server_hostname=request.server_name,
                trace_request_ctx=phases,
            )
            headers = {name.lower(): value for name, value in response.headers.items()}
            answer = Answer(response.status, headers, b"", whole=False)
            try:
                body, whole = await _read(response, max_bytes)
                return Answer(response.status, headers, body, whole=whole)
            finally:
                response.close()  # a connection whose answer was read whole is kept all the same
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: no such address
        return answer or NoAnswer(written=phases.writing, what=_describe(error, phases))


def _in_pieces(body: bytes | None) -> bytes | BytesIO | None:
    """A medium of some MB is not copied into the socket's buffer in one go, as a text is."""
    return BytesIO(body) if body and len(body) > _LARGE_BYTES else body


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), False
    return bytes(body), True


def _describe(error: Exception, phases: Phases) -> str:
    """By kind, never by text: an exception's text may hold an address with a user's id in it."""
    match error:
        case aiohttp.ConnectionTimeoutError() if phases.waiting:
            return "no connection became free in time"
        case aiohttp.ConnectionTimeoutError():
            return "the connection could not be made in time"
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "the proxy refused"
        case aiohttp.ClientConnectorError():
            return "the connection could not be made (refused, not resolved, or TLS failed)"
        case TimeoutError():
            return "no answer came in time"
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
