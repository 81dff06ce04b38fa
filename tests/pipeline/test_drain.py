"""`dmstream drain` on a pipeline at work."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from sinks import completeness
from streams.local import draining
from streams.monitoring import running as notes
from streams.settings import Settings
from streams.simulator.sign import headers
from tests.pipeline.running import SECRETS, Running

pytestmark = pytest.mark.pipeline

NAMES = ("gateway", "conversations", "history")


@pytest.fixture
def pipeline(archiving: Settings, tmp_path: Path) -> Iterator[Running]:
    running = Running(archiving, tmp_path)
    for name in NAMES:
        running.start(name)
    yield running
    running.stop()


def write(pipeline: Running) -> httpx.Response:
    body = orjson.dumps(
        {
            "action": "messages", "subAction": "messageCreated", "type": "received",
            "platform": "instagram", "refId": "p", "id": uuid.uuid4().hex, "senderId": "1",
            "recipientId": "2", "message": "hello", "hookId": "h",
            "created": datetime.now(UTC).isoformat(),
        }
    )  # fmt: skip
    secret = SECRETS["DM_AYRSHARE_SECRETS"].encode()
    signed = headers("ayrshare", secret, body, at_seconds=int(time.time()))
    url = f"http://127.0.0.1:{pipeline.settings.port}/webhooks/ayrshare"
    return httpx.post(url, content=body, headers=signed, trust_env=False)


def drain(pipeline: Running, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "drain", *options],
        env={**pipeline.environment(), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def get(pipeline: Running, path: str) -> Any:
    return httpx.get(f"http://127.0.0.1:{pipeline.settings.port}{path}", trust_env=False)


def test_a_drained_gateway_refuses_politely_until_it_is_told_to_take_again(
    pipeline: Running,
) -> None:
    assert write(pipeline).status_code == 200
    (gateway,) = draining.refuse(pipeline.folder)
    assert gateway.pid == pipeline.children["gateway"].pid
    pipeline.wait(lambda: write(pipeline).status_code == 503, 10, "refuses")
    refused = write(pipeline)
    assert refused.headers["retry-after"] == "30"
    assert refused.json()["reason"] == "draining"
    assert get(pipeline, "/health/live").status_code == 200, "who only looks is answered"
    assert get(pipeline, "/health/ready").status_code == 503
    assert draining.take_again(pipeline.folder) == [gateway]
    pipeline.wait(lambda: write(pipeline).status_code == 200, 10, "takes again")
    assert get(pipeline, "/health/ready").status_code == 200


def test_all_that_was_taken_is_archived_before_all_stop_in_order(pipeline: Running) -> None:
    """Invariants 2 and 10 across a planned stop."""
    taken = 0
    for _ in range(40):
        taken += write(pipeline).status_code == 200
    assert taken == 40
    done = drain(pipeline, "--stop")
    assert done.returncode == 0, done.stdout + done.stderr + str(pipeline.logs())
    told = done.stdout.splitlines()
    assert told[0] == "1 gateway of this machine answers 503."
    assert told[1] == "All that was accepted is decided, sent and archived."
    stopped = [line.split()[1] for line in told if line.startswith("stopping")]
    assert stopped == ["gateway", "conversations", "history"]
    assert {child.wait(10) for child in pipeline.children.values()} == {0}
    assert notes.running(pipeline.folder) == []
    client, database = pipeline.archive(), pipeline.settings.clickhouse_database
    ((messages,),) = client.query(
        f"SELECT uniqExact(event_id) FROM {database}.events WHERE kind = 'message.received'"
    ).result_rows
    assert messages == 40
    assert all(report.is_complete for report in completeness.check(client, database=database))
    pipeline.children.clear()


def test_what_nobody_works_off_is_told_with_its_count(pipeline: Running) -> None:
    pipeline.kill("conversations")
    for _ in range(3):
        assert write(pipeline).status_code == 200
    left = drain(pipeline, "--patience", "2", "--keep-taking")
    assert left.returncode == 1
    assert "Left: 3 records not read" in left.stdout
    assert write(pipeline).status_code == 200, "it was told to keep taking"
