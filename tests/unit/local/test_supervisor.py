"""Starting, starting again, stopping: with real child processes that do next to nothing."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.local.supervisor import (
    Backoff,
    Liveness,
    Service,
    ServiceEndedError,
    Supervisor,
    describe_status,
)

QUICK = Backoff(first=0.01, longest=0.05, calm=60)


async def _at_once() -> bool:
    return True


async def _never() -> bool:
    return False


def a_service(
    folder: Path,
    script: str,
    *,
    is_ready: Callable[[], Awaitable[bool]] = _at_once,
    restarts: bool = True,
) -> Service:
    return Service(
        name="helper",
        arguments=(sys.executable, "-S", "-c", script),
        log_file=folder / "helper.log",
        is_ready=is_ready,
        restarts=restarts,
        ready_within_seconds=5,
    )


SLEEPS = "import time; time.sleep(60)"


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.01)


def helpers() -> list[psutil.Process]:
    """The children that a test here started: others may run beside them."""
    children = psutil.Process().children()
    return [child for child in children if child.cmdline()[1:3] == ["-S", "-c"]]


@given(st.integers(min_value=1, max_value=10_000))
def test_the_wait_grows_and_never_beyond_its_longest(falls: int) -> None:
    backoff = Backoff(first=0.5, longest=30)
    assert 0.5 <= backoff.wait(falls) <= backoff.wait(falls + 1) <= 30


def test_the_wait_doubles_from_its_first() -> None:
    assert [Backoff(first=0.5).wait(falls) for falls in (1, 2, 3, 4)] == [0.5, 1, 2, 4]


def test_a_long_calm_run_starts_the_counting_anew() -> None:
    backoff = Backoff(calm=60)
    assert backoff.falls(5, ran=59.9) == 6
    assert backoff.falls(5, ran=60) == 1


def test_a_fallen_service_is_started_again_and_one_line_says_so(tmp_path: Path) -> None:
    told: list[str] = []

    async def scenario() -> None:
        supervisor = Supervisor(told.append, backoff=QUICK)
        starts = tmp_path / "starts"
        script = f"open({str(starts)!r}, 'a').write('x'); {SLEEPS}"
        await supervisor.start(a_service(tmp_path, script))
        for expected in (1, 2, 3):
            while not starts.exists() or len(starts.read_text()) < expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if expected < 3:
                (child,) = helpers()
                child.kill()
        await supervisor.stop("helper", grace_seconds=2)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    fallen = [line for line in told if "ended" in line]
    assert len(fallen) == 2
    assert all("SIGKILL" in line and "started again in" in line for line in fallen)


def test_a_service_that_ends_before_it_is_ready_ends_the_start_with_its_log_named(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(lambda _: None, backoff=QUICK)
        service = a_service(tmp_path, "raise SystemExit(3)", is_ready=_never)
        with pytest.raises(ServiceEndedError, match=r"status 3.*helper\.log"):
            await supervisor.start(service)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_service_that_never_becomes_ready_ends_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(lambda _: None)
        service = replace(a_service(tmp_path, SLEEPS, is_ready=_never), ready_within_seconds=0.2)
        with pytest.raises(ServiceEndedError, match="not ready within"):
            await supervisor.start(service)
        await supervisor.stop("helper", grace_seconds=1)
        assert helpers() == []

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_the_end_of_a_server_with_a_memory_ends_what_runs_beside_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(lambda _: None, backoff=QUICK)
        given_up = asyncio.Event()

        async def work() -> None:
            await supervisor.start(a_service(tmp_path, SLEEPS, restarts=False))
            (child,) = helpers()
            os.kill(child.pid, signal.SIGKILL)
            try:
                await asyncio.sleep(60)
            finally:
                given_up.set()

        with pytest.raises(ServiceEndedError, match="the helper ended"):
            await supervisor.beside(work())
        assert given_up.is_set()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_what_runs_beside_gives_its_result_and_its_errors() -> None:
    async def gives() -> int:
        return 7

    async def raises() -> None:
        raise LookupError

    async def scenario() -> None:
        supervisor = Supervisor(lambda _: None)
        assert await supervisor.beside(gives()) == 7
        with pytest.raises(LookupError):
            await supervisor.beside(raises())

    asyncio.run(scenario())


def test_a_child_that_will_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    told: list[str] = []

    async def scenario() -> float:
        supervisor = Supervisor(told.append)
        deaf = tmp_path / "deaf"
        script = (
            "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            f"pathlib.Path({str(deaf)!r}).touch(); {SLEEPS}"
        )

        async def is_deaf() -> bool:
            return deaf.exists()

        await supervisor.start(a_service(tmp_path, script, is_ready=is_deaf))
        began = time.monotonic()
        await supervisor.stop("helper", grace_seconds=0.3)
        assert helpers() == []
        return time.monotonic() - began

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) < 2
    assert any("killed" in line for line in told)


def test_statuses_are_told_in_words() -> None:
    assert describe_status(1) == "status 1"
    assert describe_status(-9) == "SIGKILL"


def test_a_service_that_makes_no_progress_is_ended_and_started_again(tmp_path: Path) -> None:
    """A process that is stopped (SIGSTOP) neither ends nor answers: only the question finds it."""
    told: list[str] = []
    asked: list[int] = []
    script = "import os; print(os.environ['DM_RESTARTS'], flush=True); import time; time.sleep(60)"

    async def is_live(pid: int) -> bool:
        asked.append(pid)
        state = psutil.Process(pid).status()
        return state != psutil.STATUS_STOPPED

    async def scene() -> None:
        quick = Liveness(every=0.01, bad_answers=3)
        supervisor = Supervisor(told.append, backoff=QUICK, liveness=quick)
        await supervisor.start(replace(a_service(tmp_path, script), is_live=is_live))
        (first,) = helpers()
        log = tmp_path / "helper.log"
        await until(lambda: len(asked) >= 10 and log.read_text().split() == ["0"])
        assert first.is_running(), "good answers end nothing"
        first.send_signal(signal.SIGSTOP)
        await until(lambda: log.read_text().split() == ["0", "1"])
        await supervisor.stop("helper", grace_seconds=2)

    asyncio.run(asyncio.wait_for(scene(), 20))
    assert "makes no progress" in told[0]
    assert "started again" in told[1]
