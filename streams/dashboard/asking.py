"""Asks ClickHouse over its read-only address, few questions at a time, and keeps answers shortly.

A page asks some twenty questions at once, several people look at the same page, and the sink needs
the machine as well. So two questions run at a time, and who asks what was asked in the last seconds
gets that answer. Errors name the question, never a value of it.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from streams.settings import Settings

KEPT_SECONDS = 5.0
_AT_A_TIME = 2
_MOST_KEPT = 500

Table = dict[str, Any]
"""`columns`: names in order; `rows`: lists of values."""


class NotAnswered(Exception):  # noqa: N818 - reads as what it is where it is caught
    """ClickHouse gave no answer; the sentence says what to do."""


@dataclass(slots=True)
class _Kept:
    until: float
    answer: "asyncio.Future[Table]"


class Asker:
    """Close it in the end."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient | None = None) -> None:
        self._url = settings.clickhouse_read_only_url
        self._database = f"{settings.clickhouse_database}_analytics"
        self._client = client or httpx.AsyncClient(
            auth=(
                settings.clickhouse_read_only_user,
                settings.clickhouse_read_only_password.get_secret_value(),
            ),
            timeout=httpx.Timeout(
                settings.clickhouse_answer_seconds, connect=settings.clickhouse_connect_seconds
            ),
        )
        self._free = asyncio.Semaphore(_AT_A_TIME)
        self._kept: dict[object, _Kept] = {}

    async def ask(
        self, name: str, sql: str, parameters: Mapping[str, str | int] | None = None
    ) -> Table:
        """`name` is for errors. Raises NotAnswered."""
        key = (sql, tuple(sorted((parameters or {}).items())))
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept.until < now:
            answer = asyncio.ensure_future(self._asked(name, sql, parameters or {}))
            self._forget(now)
            kept = self._kept[key] = _Kept(now + KEPT_SECONDS, answer)
        # One viewer who leaves must not take the answer from the others.
        return await asyncio.shield(kept.answer)

    def _forget(self, now: float) -> None:
        old = [key for key, kept in self._kept.items() if kept.until < now and kept.answer.done()]
        for key in old:
            # An error that nobody waited for any more is not one to report.
            if not self._kept[key].answer.cancelled():
                self._kept[key].answer.exception()
            del self._kept[key]
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()

    async def _asked(self, name: str, sql: str, parameters: Mapping[str, str | int]) -> Table:
        async with self._free:
            try:
                response = await self._client.post(
                    self._url,
                    params={
                        "database": self._database,
                        "default_format": "JSONCompact",
                        "wait_end_of_query": "1",
                        "date_time_output_format": "iso",
                        **{f"param_{key}": escaped(value) for key, value in parameters.items()},
                    },
                    content=sql.encode(),
                )
            except httpx.HTTPError as error:
                raise NotAnswered(
                    f"no answer from {self._url} ({type(error).__name__}): "
                    "start `dmstream up`, or set DM_CLICKHOUSE_READ_ONLY_URL"
                ) from error
        if response.is_error:
            code = response.headers.get("X-ClickHouse-Exception-Code", "none")
            raise NotAnswered(
                f"ClickHouse refused the question {name} (code {code}, status "
                f"{response.status_code}): run `dmstream migrate`, or see ClickHouse's log"
            )
        told = orjson.loads(response.content)
        return {"columns": [column["name"] for column in told["meta"]], "rows": told["data"]}

    async def close(self) -> None:
        await self._client.aclose()


def escaped(value: str | int) -> str:
    """As parameters go over HTTP: in TabSeparated escaping."""
    text = str(value)
    for character, name in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, name)
    return text
