"""Clients that go on where aiokafka's own would stand still."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from streams import kafka

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_error_that_aiokafka_did_not_expect_leaves_nobody_waiting_for_ever() -> None:
    """Its task ended with it, and a worker that waited for the answer neither committed nor sent
    a heartbeat."""
    client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    answers = iter([RuntimeError("the handler is closed"), True])

    async def ask(*_: Any) -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client._metadata_update = ask
    kafka.keep_asking(client)
    asking = asyncio.create_task(client._md_synchronizer())
    try:
        assert await asyncio.wait_for(client.force_metadata_update(), 5) is False
        assert await asyncio.wait_for(client.force_metadata_update(), 5) is True
    finally:
        asking.cancel()
