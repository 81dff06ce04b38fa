"""Reading history within a provider's limits, over loopback."""

import asyncio
import json
import time
from typing import Any

import pytest

from schemas.base import Platform, Provider
from streams.providers.client import make_client
from streams.providers.credentials import Credential
from streams.providers.protocol import ErrorClass, HistoryPage, HistoryStopped, LinkedAccount
from streams.providers.registry import make_connectors
from streams.settings import Settings
from tests.unit.providers.loopback import TRUST, Heard, answering, server

TOKEN = Credential.model_validate({"token": "a-token"})


def look(
    provider: Provider, platform: Platform, body: Any, headers: dict[str, str]
) -> tuple[list[HistoryPage], list[float], HistoryStopped | None, Heard]:
    """Every call is answered alike: what was read, waited for, and what ended it."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> tuple[list[HistoryPage], HistoryStopped | None, Heard]:
        pages: list[HistoryPage] = []
        answer = answering(body=json.dumps(body).encode(), headers=headers)
        async with server(answer) as heard, make_client(verify=TRUST) as client:
            address = f"http://{heard.address}"
            settings = Settings(
                _env_file=None, ayrshare_url=address, meta_graph_url=address, x_url=address
            )
            connector = make_connectors(settings, client, sleep=sleep)[provider]
            try:
                async for page in connector.history(LinkedAccount(platform, "44"), TOKEN):
                    pages.append(page)  # noqa: PERF401 - what came before an error counts
            except HistoryStopped as stopped:
                return pages, stopped, heard
            return pages, None, heard

    pages, stopped, heard = asyncio.run(run())
    return pages, slept, stopped, heard


AYRSHARE = {"status": "success", "messages": []}
META = {"data": [], "paging": {"cursors": {"after": "A"}, "next": "https://g/"}}
X = {"data": [], "meta": {"next_token": "T"}}


def test_ayrshare_stops_at_four_fifths_of_its_calls_before_it_is_refused() -> None:
    """1,000 refusals in a day suspend a profile."""
    headers = {"x-ratelimit-max": "300", "x-ratelimit-count": "240"}
    pages, _, stopped, heard = look("ayrshare", "facebook", AYRSHARE, headers)
    assert len(pages) == len(heard.requests) == 1
    assert stopped is not None
    assert stopped.error.error_class is ErrorClass.RATE_LIMITED
    assert stopped.error.retry_after_seconds == 300.0
    headers["x-ratelimit-count"] = "239"
    pages, _, stopped, _ = look("ayrshare", "facebook", AYRSHARE, headers)
    assert (len(pages), stopped) == (2, None)


@pytest.mark.parametrize("share", [79, 80])
def test_meta_stops_at_four_fifths_of_its_hour(share: int) -> None:
    headers = {"x-app-usage": json.dumps({"call_count": share, "total_time": 3})}
    body = META if share == 80 else {"data": []}
    _, _, stopped, _ = look("meta", "facebook", body, headers)
    assert (stopped is not None) == (share == 80)
    if stopped is not None:
        assert stopped.error.retry_after_seconds == 300.0


def test_x_waits_for_its_reset_when_no_call_remains() -> None:
    now = int(time.time())
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(now + 900)}
    pages, slept, stopped, heard = look("x", "x", X, headers)
    assert (len(pages), len(heard.requests), slept) == (1, 1, [])
    assert stopped is not None
    assert stopped.error.retry_at is not None
    assert 880 < stopped.error.retry_at.timestamp() - now <= 900
    assert pages[0].cursor == "T"


def test_a_short_rest_is_taken_in_place() -> None:
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 5)}
    pages, slept, stopped, _ = look("x", "x", X, headers)
    assert (len(pages), stopped) == (2, None)  # the same token again is the end
    assert len(slept) == 1
    assert 0 < slept[0] <= 6


def test_meta_is_called_twice_a_second_at_most() -> None:
    _, slept, _, heard = look("meta", "facebook", {"data": [{"id": "t_1"}, {"id": "t_2"}]}, {})
    assert len(heard.requests) == 3
    assert slept == [0.5, 0.5]
