"""What every connector over HTTP does alike: its client and clocks, one exchange, who it is."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from streams.providers import answers
from streams.providers.client import Client
from streams.providers.http import Answer, NoAnswer, Request, exchange, no_answer_error
from streams.providers.protocol import AccountHealth, SendError
from streams.providers.reading import Reader, Spent, utc_now


class HttpConnector(ABC):
    """The ground of the connectors: a provider adds its addresses, bodies and tables."""

    platform: ClassVar[str]
    """The provider's name in sentences."""

    def __init__(
        self,
        client: Client,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._now = now

    @abstractmethod
    def classify_error(
        self, status: int | None, headers: Mapping[str, str], body: bytes
    ) -> SendError:
        """See `protocol.Connector`."""

    async def _exchange(self, request: Request) -> Answer | SendError:
        answer = await exchange(self._client, request)
        if isinstance(answer, NoAnswer):
            return no_answer_error(answer, self.platform)
        return answer

    def _refused(self, answer: Answer) -> SendError:
        return self.classify_error(answer.status, answer.headers, answer.body)

    def _reader(
        self, headers: dict[str, str], spent: Spent, *, every_seconds: float = 0.0
    ) -> Reader:
        return Reader(
            self._client,
            classify=self.classify_error,
            platform=self.platform,
            headers=headers,
            spent=spent,
            sleep=self._sleep,
            now=self._now,
            every_seconds=every_seconds,
        )

    async def _who(
        self, request: Request, read: Callable[[Any], AccountHealth | None]
    ) -> AccountHealth:
        """What the answer says of the credential; `read` gives None for one that says nothing."""
        answer = await self._exchange(request)
        if isinstance(answer, SendError):
            return AccountHealth(error=answer)
        found = read(answers.parse(answer.body)) if answer.status == HTTPStatus.OK else None
        return found or AccountHealth(error=self._refused(answer))
