"""A reader of history that answers from a table, and the accounts that are read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from streams.providers.protocol import HistoryPage, HistoryStopped, LinkedAccount, SendError
from streams.providers.reading import Reader

PAGE, IG, PERSON = "233726951928054", "17841449720273509", "5018811078134037"


MESSENGER = LinkedAccount("facebook", PAGE)


class Table:
    """Answers by the last part of the address, one answer after another."""

    def __init__(self, **answers: list[Any]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def get(self, url: str, params: dict[str, str]) -> Any:
        last = url.rpartition("/")[2]
        self.asked.append((last, params))
        answer = self._answers[last].pop(0)
        if isinstance(answer, SendError):
            raise HistoryStopped(answer)
        return answer

    @property
    def reader(self) -> Reader:
        return cast("Reader", self)


def read(pages: AsyncIterator[HistoryPage]) -> list[HistoryPage]:
    async def run() -> list[HistoryPage]:
        return [page async for page in pages]

    return asyncio.run(run())
