"""A worker that crashed ends: nobody starts a process again that is still there."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.local import processes
from streams.settings import Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.kafka]


def test_a_crashed_worker_whose_shutdown_hangs_ends_all_the_same(
    settings: Settings, tmp_path: Path
) -> None:
    """Met under load: an idle process, out of its group, that no supervisor took for dead."""
    log = tmp_path / "worker.log"
    child = processes.start(
        [sys.executable, "-m", "tests.pipeline.hanging_worker", "2"],
        log_file=log,
        environment={
            "DM_KAFKA": settings.kafka,
            "DM_EMBEDDED": str(settings.embedded),
            "DM_TOPIC_PREFIX": settings.topic_prefix,
        },
    )
    try:
        assert child.wait(60) == 1
    except subprocess.TimeoutExpired:
        pytest.fail(f"it is still there: {log.read_text()[-500:]}")
    finally:
        processes.stop(child)
    assert "shutdown_given_up" in log.read_text()
