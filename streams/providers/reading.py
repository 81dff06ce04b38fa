"""Reading history: paced GETs that wait out short limits. A GET may always be tried again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from streams.providers import answers
from streams.providers.answers import Json
from streams.providers.client import Client
from streams.providers.http import NoAnswer, exchange, get, no_answer_error
from streams.providers.protocol import ErrorClass, HistoryStopped, SendError
from streams.providers.waits import NOTHING_SAID, Wait

MAX_PAGE_BYTES = 32 * 1024 * 1024
"""Ayrshare answers with all conversations of a network at once."""
LONGEST_WAIT_SECONDS = 60.0
"""A longer wait (X's windows are 15 minutes) is the caller's: it goes on from its last cursor."""
_ATTEMPTS = 4
_RATE_WAITS = 8
_UNSAID_WAIT_SECONDS = 60.0

Classify = Callable[[int | None, Mapping[str, str], bytes], SendError]
Spent = Callable[[Mapping[str, str]], Wait]
"""From a good answer's headers: how long the account's calls are used up."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Reader:
    """One account's way through a provider's history."""

    def __init__(
        self,
        client: Client,
        *,
        classify: Classify,
        platform: str,
        headers: dict[str, str],
        spent: Spent,
        every_seconds: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._classify = classify
        self._platform = platform
        self._headers = headers
        self._spent = spent
        self._every = every_seconds
        self._sleep = sleep
        self._now = now
        self._called = False
        self._rest = NOTHING_SAID

    async def get(self, url: str, params: Mapping[str, str]) -> Json:
        """The JSON object at the address. Raises HistoryStopped once waiting does not help."""
        troubles = rate_waits = 0
        while True:
            await self._keep_to_the_budget()
            result = await self._once(url, params)
            if not isinstance(result, SendError):
                return result
            if result.error_class is ErrorClass.RATE_LIMITED:
                rate_waits += 1
                wait = self._wait(result)
                if rate_waits > _RATE_WAITS or wait > LONGEST_WAIT_SECONDS:
                    raise HistoryStopped(result)
            elif result.is_platform_trouble:
                troubles += 1
                wait = 2.0**troubles / 2
                if troubles >= _ATTEMPTS:
                    raise HistoryStopped(result)
            else:
                raise HistoryStopped(result)
            await self._sleep(wait)

    async def _keep_to_the_budget(self) -> None:
        """A call that would be refused is not made: too many refusals suspend the profile."""
        rest, self._rest = self._rest, NOTHING_SAID
        if not rest.is_known:
            return
        error = SendError(
            ErrorClass.RATE_LIMITED,
            f"{self._platform}: the account's calls are used up for now",
            retry_after_seconds=rest.seconds,
            retry_at=rest.at,
        )
        wait = self._wait(error)
        if wait > LONGEST_WAIT_SECONDS:
            raise HistoryStopped(error)
        await self._sleep(wait)

    async def _once(self, url: str, params: Mapping[str, str]) -> Json | SendError:
        if self._called and self._every:
            await self._sleep(self._every)
        self._called = True
        request = get(url, self._headers, params)
        answer = await exchange(self._client, request, max_bytes=MAX_PAGE_BYTES)
        if isinstance(answer, NoAnswer):
            return self._unread(no_answer_error(answer, self._platform), answer.what)
        value = answers.parse(answer.body)
        failed = isinstance(value, dict) and ("error" in value or value.get("status") == "error")
        if answer.status == HTTPStatus.OK and answer.whole and isinstance(value, dict):
            if not failed:
                self._rest = self._spent(answer.headers)
                return value
        elif answer.status == HTTPStatus.OK and not answer.whole:
            return self._cut(len(answer.body))
        error = self._classify(answer.status, answer.headers, answer.body)
        return self._unread(error, f"it answered {answer.status} with something else")

    def _cut(self, length: int) -> SendError:
        if length >= MAX_PAGE_BYTES:
            most = f"{MAX_PAGE_BYTES // 1024 // 1024} MB"
            return SendError(
                ErrorClass.BAD_REQUEST, f"{self._platform}: a page of history is above {most}"
            )
        return SendError(ErrorClass.TRANSIENT, f"{self._platform}: a page of history broke off")

    def _unread(self, error: SendError, what: str) -> SendError:
        """Nothing is delivered by reading: what may have been delivered is plain trouble here."""
        if error.error_class is not ErrorClass.MAYBE_DELIVERED:
            return error
        return replace(
            error,
            error_class=ErrorClass.TRANSIENT,
            message=f"{self._platform}: a page of history could not be read: {what}",
        )

    def _wait(self, error: SendError) -> float:
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds
        if error.retry_at is not None:
            return max(0.0, (error.retry_at - self._now()).total_seconds()) + 1.0
        return _UNSAID_WAIT_SECONDS
