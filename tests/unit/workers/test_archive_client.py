"""What a worker does while the archive that it was started for is not there."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from structlog.testing import capture_logs

from sinks.errors import ArchiveRefused
from streams.workers.archive_client import connected


def giving(*outcomes: object) -> Callable[[], Any]:
    left = list(outcomes)

    def connect() -> object:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return connect


def test_it_waits_longer_each_time_says_so_and_then_has_its_client() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    away, client = OperationalError("Error for http://me:hidden@there:8123"), object()
    connect = giving(away, away, away, away, client)
    with capture_logs() as lines:
        found = asyncio.run(connected(connect, address="there:8123", sleep=sleep))
    assert found is client
    assert [line["attempt"] for line in lines] == [1, 2, 3, 4]
    assert waits[3] > waits[0]
    assert all("there:8123" in line["error"] for line in lines)
    assert "hidden" not in str(lines)


def test_one_that_does_not_want_us_is_told_and_not_waited_for() -> None:
    refused = DatabaseError("Code: 516. hidden: Authentication failed", code=516)
    with pytest.raises(ArchiveRefused, match=r"516.*DM_CLICKHOUSE_PASSWORD") as told:
        asyncio.run(connected(giving(refused), address="there:8123"))
    assert "hidden" not in str(told.value)
