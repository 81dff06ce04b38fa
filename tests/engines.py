"""The Kafka that tests run on: which there is, which is asked for, how it is started.

`DM_TEST_KAFKA` chooses one for all tests: `embedded`, `apache` (or `apache-3.9.2`), `docker`, or
the `host:port` of a broker that runs. Unset, all tests run on the embedded broker, and those marked
`kafka`, which make claims about Kafka itself, once more on Apache Kafka where Java is there.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streams.local import apache_kafka, processes
from streams.local.broker import start_broker
from streams.settings import Settings

CHOSEN = os.environ.get("DM_TEST_KAFKA", "")
EMBEDDED = "embedded"
APACHE = "apache"
DOCKER = "docker"
DOCKER_IMAGE = "apache/kafka:3.9.1"

_SHORTEST_SESSION = 6.0
"""Seconds; real brokers refuse a shorter one (`group.min.session.timeout.ms`)."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One that runs."""

    engine: str
    address: str

    @property
    def embedded(self) -> bool:
        return self.engine == EMBEDDED

    def settings(self, folder: Path, **more: Any) -> Settings:
        """With topics and groups of their own. `more` wins."""
        return Settings(
            _env_file=None,
            **{
                "kafka": self.address,
                "embedded": self.embedded,
                "kafka_session_seconds": None if self.embedded else _SHORTEST_SESSION,
                "partitions": 4,
                "topic_prefix": f"t{uuid.uuid4().hex[:8]}.",
                "data_dir": folder,
                **more,
            },
        )


def apache_version(engine: str) -> str:
    return engine.partition("-")[2] or apache_kafka.NEWEST


def _is_apache(engine: str) -> bool:
    return engine.partition("-")[0] == APACHE


def engines(*, strongest: bool) -> list[Any]:
    """Those that a test runs on; `strongest`: where it makes a claim about Kafka."""
    if CHOSEN:
        return [CHOSEN]
    if not strongest:
        return [EMBEDDED]
    missing = apache_kafka.why_not_here()
    marks = [pytest.mark.skip(reason=missing)] if missing else []
    return [EMBEDDED, pytest.param(APACHE, marks=marks)]


def told() -> str:
    """A line for the head of a test run."""
    missing = apache_kafka.why_not_here(
        apache_version(CHOSEN) if _is_apache(CHOSEN) else apache_kafka.NEWEST
    )
    if CHOSEN:
        if _is_apache(CHOSEN) and missing:
            raise pytest.UsageError(f"DM_TEST_KAFKA is {CHOSEN}: {missing}")
        return f"kafka: {CHOSEN}, for all tests (DM_TEST_KAFKA)"
    both = "embedded; tests marked `kafka` also on Apache Kafka"
    return (
        f"kafka: {both}: skipped, {missing}" if missing else f"kafka: {both} {apache_version('')}"
    )


@contextmanager
def running(engine: str, folder: Path) -> Iterator[Broker]:
    """Starts it, where it does not run by itself."""
    if engine == EMBEDDED:
        port = processes.free_port()
        child = start_broker(port, log_file=folder / "broker.log")
        try:
            yield Broker(engine, f"127.0.0.1:{port}")
        finally:
            processes.stop(child)
    elif _is_apache(engine):
        cluster = apache_kafka.start_cluster(1, folder / "kafka", apache_version(engine))
        try:
            yield Broker(engine, cluster.bootstrap)
        finally:
            cluster.stop()
    elif engine == DOCKER:
        from testcontainers.kafka import KafkaContainer  # noqa: PLC0415

        with KafkaContainer(DOCKER_IMAGE).with_kraft() as container:
            yield Broker(engine, container.get_bootstrap_server())
    else:
        yield Broker(engine, engine)
