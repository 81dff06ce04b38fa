"""Servers that tests share: started once a session, on loopback, ended with it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.local import processes
from streams.local.broker import start_broker
from streams.settings import Settings


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded broker."""
    port = processes.free_port()
    child = start_broker(port, log_file=tmp_path_factory.mktemp("broker") / "broker.log")
    yield f"127.0.0.1:{port}"
    processes.stop(child)


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    """Settings for one test: the shared broker, topics and groups of its own."""
    return Settings(
        _env_file=None,
        kafka=broker,
        embedded=True,
        partitions=4,
        topic_prefix=f"t{uuid.uuid4().hex[:8]}.",
        data_dir=tmp_path,
    )
