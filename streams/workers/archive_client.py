"""A client of the archive for a worker: one that starts while ClickHouse is away waits for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from sinks.archive import until_available
from sinks.errors import ArchiveRefused, ArchiveUnavailable, classified
from streams.monitoring.troubles import trouble

_log = structlog.get_logger()

Sleep = Callable[[float], Awaitable[None]]


async def connected(
    connect: Callable[[], Client], *, address: str, sleep: Sleep = asyncio.sleep
) -> Client:
    """The client, as soon as ClickHouse answers. `address` is for the log, without a password.

    clickhouse-connect asks the server who it is before it gives a client, so none is to be had
    while it is away. To end and be started again would only ask less often, and a supervisor that
    gives up after so many starts would leave nobody who archives. Each failed try is a line of the
    log and counts as trouble with a server, which excuses the worker from its own liveness.

    Raises ArchiveRefused where it answers and does not want us: no waiting mends that.
    """

    async def ask() -> Client:
        try:
            return await asyncio.to_thread(connect)
        except (ClickHouseError, OSError) as error:
            raise _told(error, address) from None

    def waited_out(error: ArchiveUnavailable, attempt: int, wait: float) -> None:
        trouble("ClickHouse")
        _log.warning(
            "archive_awaited", error=str(error), attempt=attempt, retry_in_seconds=round(wait, 2)
        )

    return await until_available(
        ask,
        sleep=sleep,
        on_trouble=waited_out,
        jitter=random.Random(),  # noqa: S311 - spreads waits; nothing secret
    )


def _told(error: Exception, address: str) -> ArchiveUnavailable | ArchiveRefused:
    found = classified(error, table="the archive")
    if isinstance(found, ArchiveUnavailable):
        return ArchiveUnavailable(
            f"no ClickHouse answers at {address} (DM_CLICKHOUSE_URL): waiting for it",
            retry_after=found.retry_after,
        )
    code = error.code if isinstance(error, Error) else None
    told = type(error).__name__ if code is None else f"code {code}"
    return ArchiveRefused(
        f"ClickHouse at {address} (DM_CLICKHOUSE_URL) takes no client of ours ({told}): check "
        "DM_CLICKHOUSE_USER and DM_CLICKHOUSE_PASSWORD"
    )
