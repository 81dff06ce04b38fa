"""Addresses of the public internet, told from those of our own network.

Whoever names an address that we shall open must not reach what only we can reach: our machine, our
network, a cloud's metadata service.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

_LOOK_UP_SECONDS = 2.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given to networks of the public internet (IANA). Outside it are forms that
carry an IPv4 address within, and private and local ranges that Python's tables may not know."""
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
_OF_CLOUDS = (
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's wire server, on each virtual machine
    ipaddress.ip_network("192.0.0.0/24"),  # IETF assignments; Oracle's metadata is 192.0.0.192
    ipaddress.ip_network("100.100.100.200/32"),  # Alibaba's metadata
)
"""Services of a cloud that only its machines reach, whatever a registry says of the address."""
_INSIDE = (".localhost", ".local", ".internal")


async def why_not(url: str, schemes: frozenset[str]) -> str | None:
    """What is wrong with a web address that should be public, in words that do not repeat it; None
    where nothing is. A name that leads nowhere is let pass: nobody can fetch from it."""
    why = malformed(url, schemes)
    if why is not None:
        return why
    host = (urlsplit(url).hostname or "").rstrip(".")
    if _is_inside(host):
        return "is not on the public internet"
    try:
        found = await addresses_of(host)
    except OSError:
        return None
    return None if all(map(is_public, found)) else "is not on the public internet"


def malformed(url: str, schemes: frozenset[str]) -> str | None:
    """What is wrong with a web address as it is written, wherever it leads; None where nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _is_none(schemes)
    if parts.scheme not in schemes or not host or port == 0:
        return _is_none(schemes)
    return "has a user name in it" if parts.username is not None else None


async def one_of(host: str, port: int) -> str | None:
    """An address to connect to; None where the name leads nowhere, or also inside."""
    host = host.rstrip(".")
    if _is_inside(host):
        return None
    try:
        found = await addresses_of(host, port)
    except OSError:
        return None
    return found[0] if found and all(map(is_public, found)) else None


async def addresses_of(host: str, port: int | None = None) -> list[str]:
    """All that the name leads to. Raises OSError where it can't be looked up in time."""
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (UnicodeError, TimeoutError) as error:
        raise OSError("the name can't be looked up") from error
    return [str(entry[4][0]) for entry in found]


def is_public(address: str) -> bool:
    """Of an IP address as text. One that carries another within is as public as that one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        is_of_cloud = any(found in network for network in _OF_CLOUDS)
        return found.is_global and not found.is_multicast and not is_of_cloud
    if found in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)))
    if found.sixtofour is not None and not is_public(str(found.sixtofour)):
        return False
    return found.is_global and found in _UNICAST and found not in _DOCUMENTATION


def _is_inside(host: str) -> bool:
    # `%`: a zone of our own network, or a name that others decode and we do not.
    return "%" in host or host == "localhost" or host.endswith(_INSIDE)


def _is_none(schemes: frozenset[str]) -> str:
    return f"is not an {' or '.join(sorted(schemes))} address"
