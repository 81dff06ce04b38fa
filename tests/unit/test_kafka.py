"""Clients that go on where aiokafka's own would stand still, and settings that give none."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from streams import kafka
from streams.settings import Settings

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


async def test_a_file_of_authorities_that_can_not_be_used_is_named_with_its_variable(
    tmp_path: Path,
) -> None:
    """Whichever client is made: gateway, worker and command make theirs of the same connection."""
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    for file, told in (
        (tmp_path / "missing.pem", "No such file or directory"),
        (empty, "it holds no certificate"),
        (tmp_path, "Is a directory"),
    ):
        settings = Settings(_env_file=None, kafka_security="SSL", kafka_ca_file=file)
        with pytest.raises(kafka.KafkaSettingsError) as caught:
            kafka.reader(settings)
        assert f"DM_KAFKA_CA_FILE, {file}, can't be used ({told})" in str(caught.value)
