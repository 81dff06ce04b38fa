"""The connectors by provider, made from settings: the one place that wires them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from schemas.base import Provider
from streams.providers.ayrshare import Ayrshare
from streams.providers.client import Client
from streams.providers.credentials import Credential, CredentialMissingError, CredentialSource
from streams.providers.meta import Meta
from streams.providers.protocol import (
    Connector,
    ErrorClass,
    HistoryPage,
    HistoryStopped,
    LinkedAccount,
    OutboundSend,
    SendError,
    Sent,
)
from streams.providers.reading import utc_now
from streams.providers.x import MediaFetcher, X
from streams.settings import Settings


def make_connectors(
    settings: Settings,
    client: Client,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], datetime] = utc_now,
) -> dict[Provider, Connector]:
    """Raises ValueError where an address is neither https nor loopback.

    `sleep` waits between the calls that read history or ask after an upload.
    """
    return {
        "ayrshare": Ayrshare(client, url=settings.ayrshare_url, sleep=sleep, now=now),
        "meta": Meta(
            client,
            graph_url=settings.meta_graph_url,
            instagram_url=settings.meta_instagram_url,
            sleep=sleep,
            now=now,
        ),
        "x": X(
            client,
            url=settings.x_url,
            media=MediaFetcher(client, allow_private=settings.media_allow_private),
            sleep=sleep,
            now=now,
        ),
    }


def history(
    connectors: Mapping[Provider, Connector],
    credential: Credential,
    provider: Provider,
    account: LinkedAccount,
    cursor: str | None,
) -> AsyncIterator[HistoryPage]:
    """Raises HistoryStopped, also where no connector reads that provider."""
    connector = connectors.get(provider)
    if connector is None:
        sentence = f"no connector reads history from the provider {provider}"
        raise HistoryStopped(SendError(ErrorClass.BAD_REQUEST, sentence))
    return connector.history(account, credential, cursor)


async def send(
    connectors: Mapping[Provider, Connector],
    credentials: CredentialSource,
    provider: Provider,
    credential_name: str | None,
    outbound: OutboundSend,
    *,
    references: Sequence[str] = (),
) -> Sent | SendError:
    """Sends through the account's provider with its credential, looked up now: the one of that
    name, else the account's own, else the provider's.

    `references`: what the provider calls the profile (Ayrshare's refId).
    """
    connector = connectors.get(provider)
    if connector is None:
        return SendError(ErrorClass.BAD_REQUEST, f"no connector sends for the provider {provider}")
    try:
        credential = credentials.find(
            credential_name, provider, account_id=outbound.account_id, references=references
        )
    except CredentialMissingError as error:
        return SendError(ErrorClass.TOKEN_INVALID, f"{connector.name}: {error}")
    return await connector.send(outbound, credential)
