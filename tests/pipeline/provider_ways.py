"""The ways a message goes out, and the connectors asked over real HTTP against the sandbox."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.base import Platform, Provider
from streams.providers.client import make_client
from streams.providers.credentials import Credential
from streams.providers.protocol import (
    AccountHealth,
    HistoryMessage,
    LinkedAccount,
    OutboundSend,
    SendError,
    Sent,
)
from streams.providers.registry import make_connectors
from tests.pipeline.sandbox import Sandbox, digits

TOKEN = "EAAG-token-of-the-test"
TEXT = "a text that nobody may log"
TRUST = ssl.create_default_context()  # made once: reading the authorities takes 30 ms


@dataclass(frozen=True)
class Way:
    """One way a message goes out."""

    provider: Provider
    platform: Platform
    login: str = "page"

    @property
    def name(self) -> str:
        return f"{self.provider}-{self.platform}-{self.login}"


WAYS = [
    Way("ayrshare", "facebook"),
    Way("ayrshare", "instagram"),
    Way("ayrshare", "x"),
    Way("meta", "facebook"),
    Way("meta", "instagram"),
    Way("meta", "instagram", "instagram"),
    Way("x", "x"),
]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@dataclass(frozen=True)
class Linked:
    """An account that the sandbox knows, and the credential that names it."""

    way: Way
    account_id: str
    token: str
    profile_key: str

    @property
    def credential(self) -> Credential:
        return Credential.model_validate(
            {"token": self.token, "profile_key": self.profile_key, "login": self.way.login}
        )

    def send(self, recipient_id: str, **more: Any) -> OutboundSend:
        more = {"text": TEXT} | more
        return OutboundSend(
            f"c-{digits()}", self.way.platform, self.account_id, recipient_id, **more
        )


def link(box: Sandbox, way: Way) -> Linked:
    linked = Linked(way, digits(), f"{TOKEN}-{digits()}", f"profile-{digits()}")
    box.post(
        "accounts",
        provider=way.provider,
        platform=way.platform,
        account_id=linked.account_id,
        token=linked.token,
        profile_key=linked.profile_key,
        reference=f"ref-{linked.account_id}",
    )
    return linked


def attempt(
    box: Sandbox, linked: Linked, outbound: OutboundSend, *, read_seconds: float = 10.0
) -> Sent | SendError:
    async def run() -> Sent | SendError:
        async with make_client(verify=TRUST, read_seconds=read_seconds) as client:
            connector = make_connectors(box.settings(), client)[linked.way.provider]
            return await connector.send(outbound, linked.credential)

    return asyncio.run(run())


def verify(box: Sandbox, linked: Linked) -> AccountHealth:
    async def run() -> AccountHealth:
        async with make_client(verify=TRUST) as client:
            connector = make_connectors(box.settings(), client)[linked.way.provider]
            return await connector.verify(linked.credential)

    return asyncio.run(run())


def history(box: Sandbox, linked: Linked) -> list[HistoryMessage]:
    async def no_wait(_: float) -> None:
        return

    async def run() -> list[HistoryMessage]:
        async with make_client(verify=TRUST) as client:
            connector = make_connectors(box.settings(), client, sleep=no_wait)[linked.way.provider]
            account = LinkedAccount(linked.way.platform, linked.account_id)
            return [
                message
                async for page in connector.history(account, linked.credential)
                for message in page.messages
            ]

    return asyncio.run(run())


def write(box: Sandbox, linked: Linked, person: str, count: int, *, by: str = "") -> None:
    for number in range(count):
        box.post(
            "write",
            provider=linked.way.provider,
            platform=linked.way.platform,
            account_id=linked.account_id,
            correspondent_id=person,
            text=f"number {number}",
            by=by,
            quiet=True,
            seconds_ago=100_000 - 60 * number,
        )
