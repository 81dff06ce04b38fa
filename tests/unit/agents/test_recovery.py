"""Faust's own recovery, with questions that nobody answers."""

import asyncio

import faust
import pytest
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.types import TP

from streams.agents.recovery import RecoveryStalledError, end_loudly

pytestmark = pytest.mark.anyio


def recovery_of_an_app() -> "faust.tables.recovery.Recovery":
    app = faust.App("recovering-in-a-test", broker="kafka://127.0.0.1:9", store="memory://")
    end_loudly(app)
    return app.tables.recovery  # type: ignore[attr-defined, no-any-return]


async def test_a_question_that_is_not_answered_in_time_is_an_error_that_names_the_changelog() -> (
    None
):
    """Faust itself takes it for a worker that is told to stop, and never reads anything again."""
    recovery = recovery_of_an_app()
    recovery.active_tps.add(TP("changelog", 3))
    with pytest.raises(RecoveryStalledError, match=r"changelog/3"):
        await recovery._wait(asyncio.sleep(10), timeout=0.01)


async def test_what_is_answered_or_stopped_or_begun_anew_is_none() -> None:
    recovery = recovery_of_an_app()
    await recovery._wait(asyncio.sleep(0), timeout=10)
    recovery.signal_recovery_start.set()
    with pytest.raises(RebalanceAgain):
        await recovery._wait(asyncio.sleep(10), timeout=10)
    recovery.signal_recovery_start.clear()
    recovery._stopped.set()
    with pytest.raises(ServiceStopped):
        await recovery._wait(asyncio.sleep(10), timeout=10)
