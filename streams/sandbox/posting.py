"""Webhooks to the gateway.

aiohttp and not httpx, as in streams/simulator/client.py: the sandbox shares its processor with what
it drives. With httpx it took more of it than the worker whose sends it answers.
"""

from http import HTTPStatus

import aiohttp

from streams.sandbox.webhooks import Post


class Poster:
    """Start it on the loop that it is used on."""

    def __init__(self, gateway: str | None) -> None:
        self._gateway = gateway
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        # How many are under way is bounded by who posts.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=15)
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def deliver(self, post: Post) -> bool:
        """Whether it was taken. Raises RuntimeError before `start`."""
        if self._session is None:
            raise RuntimeError("the sandbox posts before it has started")
        url = f"{self._gateway}{post.path}"
        try:
            async with self._session.post(
                url, data=post.body, headers=post.headers, allow_redirects=False
            ) as response:
                await response.read()
                return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
        except (aiohttp.ClientError, TimeoutError):
            return False
