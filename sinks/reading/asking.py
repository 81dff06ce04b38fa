"""Asks ClickHouse from asyncio: its client blocks, so threads of their own wait for the answers."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks import clickhouse
from sinks.migrate import analytics_database
from streams.settings import Settings

_MOST_AT_ONCE = 8
_LIMITS = {"max_execution_time": 10, "join_use_nulls": 0}
"""A question that takes longer than these seconds is given up by the server."""

_PATIENCE_SECONDS = 15.0
"""With the wait for a thread: a server that hangs holds them all, and nobody waits for ever."""

Row = Mapping[str, Any]


class ArchiveAway(Exception):  # noqa: N818 - it reads as what it is where it is caught
    """ClickHouse does not answer, or not in time. Its own words may quote values, so they are not
    repeated."""


class Asking:
    """Connects at the first question. `close` at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = {
            "db": settings.clickhouse_database,
            "views": analytics_database(settings.clickhouse_database),
        }
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="archive")
        self._connecting = threading.Lock()
        self._client: Client | None = None

    async def rows(self, sql: str, **values: Any) -> Sequence[Row]:
        """The answer's rows by column. In the statement `$db` and `$views` stand for the databases,
        `{name:Type}` for a value. Raises ArchiveAway.
        """
        for name, database in self._names.items():
            sql = sql.replace(f"${name}.", f"{database}.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await loop.run_in_executor(self._threads, self._ask, sql, values)
        except TimeoutError:
            raise ArchiveAway("the archive did not answer in time") from None

    def _ask(self, sql: str, values: dict[str, Any]) -> Sequence[Row]:
        try:
            with self._connecting:
                if self._client is None:
                    self._client = clickhouse.connect_with(
                        self._settings, connections=_MOST_AT_ONCE
                    )
                client = self._client
            return list(client.query(sql, parameters=values, settings=_LIMITS).named_results())
        except (ClickHouseError, OSError) as error:
            raise ArchiveAway(f"the archive did not answer ({type(error).__name__})") from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()
