"""Media for X: fetched from the caller's address, to be uploaded and named by id.

The other providers fetch media themselves. Here our own machine opens an address that a caller
chose, so the address must be a public one: https, no redirects, and never a host of our own
network, whatever its name resolves to.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from streams import public_addresses
from streams.providers.client import Client
from streams.providers.http import Answer, NoAnswer, Request, exchange, get
from streams.providers.protocol import ErrorClass, SendError

_MB = 1024 * 1024
LARGEST = {
    "image/jpeg": 5 * _MB,
    "image/png": 5 * _MB,
    "image/webp": 5 * _MB,
    "image/gif": 15 * _MB,
    "video/mp4": 25 * _MB,
    "video/quicktime": 25 * _MB,
}
"""By type, in bytes. X takes larger videos; a medium is held in memory here, so not we."""


_AS_IT_IS = "%!$&'()*+,/:;=?@[]~"
"""What an address may hold. Quotes in it stay: to quote them anew would break a signed address."""


@dataclass(frozen=True, slots=True)
class Medium:
    media_type: str
    content: bytes = field(repr=False)


class MediaFetcher:
    """Fetches what callers point to. `allow_private` is for tests and the sandbox only."""

    def __init__(self, client: Client, *, allow_private: bool = False) -> None:
        self._client = client
        self._allow_private = allow_private

    async def fetch(self, url: str) -> Medium | SendError:
        """The medium at the address. Nothing has gone to X yet, so trouble here is no `maybe`."""
        request = await self._request(url)
        if isinstance(request, SendError):
            return request
        answer = await exchange(self._client, request, max_bytes=max(LARGEST.values()))
        if isinstance(answer, NoAnswer):
            return _not_now(f"the media's address: {answer.what}")
        if answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS:  # noqa: PLR2004
            return _not_now(f"the media's address answered {answer.status}")
        if answer.status != HTTPStatus.OK:
            return _refused(f"the media's address answered {answer.status}")
        return _medium(answer)

    async def _request(self, url: str) -> Request | SendError:
        try:
            parts = urlsplit(url)._replace(fragment="")
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        except ValueError:  # UnicodeError is one
            return _refused("a media address must be a web address")
        headers = {"accept": ", ".join(LARGEST)}
        if self._allow_private and parts.scheme in ("http", "https"):
            return get(quote(parts.geturl(), safe=_AS_IT_IS), headers)
        if parts.scheme != "https" or not host or parts.username is not None or port is not None:
            return _refused("a media address must be https, without a user and without a port")
        address = await public_addresses.one_of(host, 443)
        if address is None:
            return _refused("the media's address is not on the public internet")
        # The connection goes to the address that was checked, so that a name which resolves
        # differently a moment later gains nothing; the certificate is checked for the name.
        there = parts._replace(netloc=f"[{address}]" if ":" in address else address)
        return Request(
            "GET",
            quote(there.geturl(), safe=_AS_IT_IS),
            {**headers, "host": host},
            server_name=host,
        )


def _medium(answer: Answer) -> Medium | SendError:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in LARGEST:
        return _refused(f"X: only these media can be sent: {', '.join(LARGEST)}")
    if not answer.whole or len(answer.body) > LARGEST[media_type]:
        most = LARGEST[media_type] // _MB
        return _refused(f"X: the medium is above {most} MB, or its download broke off")
    return Medium(media_type, answer.body)


def _not_now(what: str) -> SendError:
    return SendError(ErrorClass.TRANSIENT, f"{what}; nothing was sent")


def _refused(what: str) -> SendError:
    return SendError(ErrorClass.BAD_REQUEST, what)
