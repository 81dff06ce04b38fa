"""What `up` asks of the sandbox that it started: people who write, faults, whether all is quiet."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from schemas.base import Platform, Provider

_QUIET_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """An account, as the sandbox's requests name it."""

    provider: Provider
    platform: Platform
    account_id: str


class StandIn:
    """Its methods raise httpx.HTTPError."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = f"{url}/_sandbox"

    async def somebody_writes(self, place: Place, correspondent_id: str, text: str) -> None:
        """A webhook of it is on its way when this returns."""
        await self._post("write", **asdict(place), correspondent_id=correspondent_id, text=text)

    async def fault(self, kind: str, recipient: str, **more: Any) -> None:
        """The next send to that person meets it."""
        await self._post("faults", kind=kind, recipient=recipient, next=1, **more)

    async def posted(self) -> int:
        """How many webhooks the gateway took from it."""
        return int((await self._stats())["webhooks"]["posted"])

    async def is_quiet(self) -> None:
        """Returns once nobody is about to do something, or after 20 s."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while time.monotonic() < deadline and (await self._stats())["busy"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # it is another process: nothing sets an event here

    async def _stats(self) -> dict[str, Any]:
        response = await self._client.get(f"{self._url}/stats")
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found

    async def _post(self, route: str, **body: Any) -> None:
        response = await self._client.post(f"{self._url}/{route}", json=body)
        response.raise_for_status()
