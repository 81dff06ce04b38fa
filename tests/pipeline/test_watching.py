"""What a pipeline at work tells those who watch it: metrics, liveness, readiness."""

import asyncio
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from schemas.topics import EVENTS, FAILURES, WEBHOOKS
from streams.local import processes, services
from streams.monitoring import running as notes
from streams.settings import Settings
from streams.simulator.client import Sending, send
from streams.simulator.sign import Secrets, headers
from streams.simulator.simulation import Parameters, simulate
from tests.pipeline.running import SECRETS, Running
from tests.pipeline.stuck_worker import HANGS

pytestmark = pytest.mark.pipeline

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)
NAMES = ("gateway", "conversations", "history")


@pytest.fixture
def watched(archiving: Settings, tmp_path: Path) -> Iterator[Running]:
    """Not started yet; each process will have a port."""
    running = Running(archiving, tmp_path, monitors={name: processes.free_port() for name in NAMES})
    running.more = {"DM_LIVE_SECONDS": "3"}
    yield running
    running.stop()


def metrics(running: Running, name: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """By name and label values."""
    url = f"http://127.0.0.1:{running.monitors[name]}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: dict[tuple[str, tuple[str, ...]], float], name: str, *labels: str) -> float:
    return sum(
        value
        for (own, with_), value in found.items()
        if own == name and with_[: len(labels)] == labels
    )


def health(running: Running, name: str, which: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{running.monitors[name]}/health/{which}"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def feed(running: Running, webhooks: int) -> int:
    simulation = simulate(Parameters(seed=5, until=UNTIL, webhooks=webhooks))
    secrets = Secrets(
        {
            "ayrshare": SecretStr(SECRETS["DM_AYRSHARE_SECRETS"]),
            "meta": SecretStr(SECRETS["DM_META_APP_SECRETS"]),
            "x": SecretStr(SECRETS["DM_X_CONSUMER_SECRETS"]),
        }
    )
    sending = Sending(url=f"http://127.0.0.1:{running.settings.port}", secrets=secrets)
    tally = asyncio.run(send(simulation.deliveries(), len(simulation), sending))
    assert not tally.unexpected
    return tally.as_meant[200]


@pytest.mark.parametrize("command", [["gateway"], ["worker", "history"]])
def test_whoever_can_not_write_its_log_works_on_and_counts_the_lines(
    watched: Running, command: list[str]
) -> None:
    """Each has something to tell: a gateway that it listens, a worker that its archive is away."""
    name = command[-1]
    watched.more["DM_CLICKHOUSE_URL"] = f"http://127.0.0.1:{processes.free_port()}"
    child = processes.start(
        [sys.executable, "-m", "streams.cli", *command],
        log_file=Path("/dev/full"),
        environment={**watched.environment(), "DM_MONITOR_PORT": str(watched.monitors[name])},
    )

    def lost() -> float:
        try:
            return total(metrics(watched, name), "dmstream_log_lines_lost_total")
        except OSError:
            return 0.0

    try:
        watched.wait(lambda: lost() > 0 or child.poll() is not None, 40, "a line that is lost")
        assert child.poll() is None
    finally:
        assert processes.stop(child, grace_seconds=15) == 0


def test_a_history_worker_that_waits_for_clickhouse_says_so_when_asked(watched: Running) -> None:
    """Its group is not what it waits for: it joins none before there is an archive."""
    nowhere = f"127.0.0.1:{processes.free_port()}"
    watched.more["DM_CLICKHOUSE_URL"] = f"http://somebody:hidden@{nowhere}"
    watched.launch("history")
    watched.wait(lambda: "archive_awaited" in watched.log_of("history"), 40, "a try at ClickHouse")
    status, told = health(watched, "history", "ready")
    assert status == 503
    assert f"waits for ClickHouse at {nowhere} (DM_CLICKHOUSE_URL)" in json.dumps(told)
    assert "hidden" not in json.dumps(told)


def test_what_went_through_is_counted_once_and_nothing_is_behind(watched: Running) -> None:
    for name in NAMES:
        watched.start(name)
    accepted = feed(watched, 300)
    watched.settled()

    gateway = metrics(watched, "gateway")
    assert total(gateway, "dmstream_webhooks_accepted_total") == accepted
    assert total(gateway, "dmstream_webhook_keep_seconds_count") == accepted
    assert total(gateway, "dmstream_webhooks_refused_total") > 0, "the simulator forges some"

    prefix = watched.settings.topic_prefix
    topic = {name: prefix + name for name in (WEBHOOKS, EVENTS, FAILURES)}
    table = f"{watched.settings.clickhouse_database}.event_log"
    ((archived,),) = (
        watched.archive().query(f"SELECT uniqExact(_partition, _offset) FROM {table}").result_rows
    )
    history = metrics(watched, "history")
    assert total(history, "dmstream_archive_insert_rows_sum", topic[EVENTS]) == archived
    assert total(history, "dmstream_archive_insert_seconds_count", topic[EVENTS]) > 0
    conversations = metrics(watched, "conversations")
    assert total(conversations, "dmstream_batch_records_sum", topic[WEBHOOKS]) == accepted
    failed = total(conversations, "dmstream_failures_total", "normalise")
    assert failed == total(history, "dmstream_archive_insert_rows_sum", topic[FAILURES])
    for found in (conversations, history):
        assert total(found, "dmstream_ready") == 1
        assert total(found, "dmstream_live") == 1
    watched.wait(
        lambda: total(metrics(watched, "conversations"), "dmstream_reader_lag_records") == 0,
        10,
        "no lag in the metrics",
    )
    settled = metrics(watched, "conversations")
    assert total(settled, "dmstream_reader_partitions", topic[EVENTS]) == 4
    assert total(settled, "dmstream_reader_committed_age_seconds") == 0
    watched.wait(
        lambda: (
            total(metrics(watched, "history"), "dmstream_archive_looked_at_timestamp_seconds") > 0
        ),
        80,
        "the archive was asked",
    )
    assert [note.name for note in notes.running(watched.folder)] == sorted(NAMES)
    assert watched.stop() == dict.fromkeys(NAMES, 0)
    assert notes.running(watched.folder) == []


def test_a_worker_whose_agent_hangs_answers_and_is_not_live(watched: Running) -> None:
    watched.start("gateway")
    watched.start("conversations", "tests.pipeline.stuck_worker")
    assert health(watched, "conversations", "ready")[0] == 200
    assert health(watched, "conversations", "live")[0] == 200
    body = json.dumps(
        {
            "action": "messages", "subAction": "messageCreated", "type": "received",
            "platform": "instagram", "refId": "p", "id": uuid.uuid4().hex, "senderId": "1",
            "recipientId": "2", "message": HANGS.decode(), "hookId": "h",
            "created": datetime.now(UTC).isoformat(),
        }
    ).encode()  # fmt: skip
    secret = SECRETS["DM_AYRSHARE_SECRETS"].encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{watched.settings.port}/webhooks/ayrshare",
        data=body,
        headers=headers("ayrshare", secret, body, at_seconds=int(time.time())),
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own gateway
        assert answer.status == 200
    watched.wait(
        lambda: health(watched, "conversations", "live")[0] == 503, 20, "not live after 3 s"
    )
    _, told = health(watched, "conversations", "live")
    assert f"{watched.settings.topic_prefix}{WEBHOOKS}/" in told["because"]
    found = metrics(watched, "conversations")
    assert total(found, "dmstream_reader_lag_records") == 1
    assert total(found, "dmstream_reader_stalled_seconds") > 3
    assert total(found, "dmstream_reader_committed_age_seconds") > 3
    assert health(watched, "gateway", "live")[0] == 200, "the others are not blamed"


def test_a_stopped_worker_is_told_as_not_live_and_as_live_once_it_goes_on(watched: Running) -> None:
    watched.start("gateway")
    watched.start("conversations")
    child = watched.children["conversations"]
    service = services.worker(
        watched.settings.model_copy(update={"data_dir": watched.folder}), "conversations"
    )
    assert service.is_live is not None
    assert asyncio.run(service.is_live(child.pid))
    os.kill(child.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert not asyncio.run(service.is_live(child.pid))
        assert time.monotonic() - began < 10, "one question has a bound"
    finally:
        os.kill(child.pid, signal.SIGCONT)
    is_live, pid = service.is_live, child.pid
    watched.wait(lambda: asyncio.run(is_live(pid)), 20, "live again")
