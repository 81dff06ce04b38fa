"""Media addresses: public ones only, unless the settings allow others.

The platforms fetch most media themselves; what our delivery worker fetches, it checks again at
the moment of connecting. Here the caller is told at once, and nothing of it reaches the log.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from streams.api.errors import Problem

_LOOK_UP_SECONDS = 2.0
_WEB = {"http", "https"}


async def check(urls: Sequence[str], *, allow_private: bool) -> None:
    """Raises Problem. It names the address by its number: one may hold a signature."""
    if allow_private:
        return
    for number, url in enumerate(urls, start=1):
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
            parts = None
        if parts is None or parts.scheme not in _WEB or not host:
            raise _refused(number, "is not an http or https address")
        if parts.username is not None:
            raise _refused(number, "has a user name in it")
        if not all(_is_public(address) for address in await _addresses(host)):
            raise _refused(number, "is not on the public internet")


def _refused(number: int, why: str) -> Problem:
    return Problem("invalid", f"Media address {number} {why}.")


async def _addresses(host: str) -> list[str]:
    """All that the name leads to. [] where it can't be looked up: then nobody can fetch it."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return ["127.0.0.1"]
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [str(entry[4][0]) for entry in found]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)
