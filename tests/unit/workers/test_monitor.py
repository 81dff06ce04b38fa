"""The look at a worker's own positions, with a consumer that misbehaves."""

import asyncio
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from structlog.testing import capture_logs

from streams.settings import Settings
from streams.workers import monitor

pytestmark = pytest.mark.anyio


class Broken:
    batched = frozenset({"t"})

    def assignment(self) -> set[Any]:
        raise IndexError("list index out of range")


async def test_a_look_that_fails_is_told_and_does_not_make_the_worker_seem_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.01)
    app = faust.App("watched-in-a-test", broker="kafka://127.0.0.1:9", store="memory://")
    watcher = monitor.Watcher(app, Settings(_env_file=None, live_seconds=0.05))
    watcher._app = SimpleNamespace(consumer=Broken())  # type: ignore[assignment]
    await app.on_rebalance_complete.send()
    with capture_logs() as logs:
        looking = asyncio.create_task(watcher.look_often())
        await asyncio.sleep(0.3)
        assert not looking.done()
        assert watcher.live().good
        looking.cancel()
    assert {line["event"] for line in logs} == {"watcher_failed"}
