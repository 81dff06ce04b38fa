"""Starts services, waits until they are ready, starts fallen ones again, stops them in order."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from streams.local import processes

_LOOK_EVERY_SECONDS = 0.05
_LONGEST_LINE = 300
RESTARTS = "DM_RESTARTS"
"""Variable by which a process learns how often it was started anew, for its metrics."""
_T = TypeVar("_T")


class ServiceEndedError(RuntimeError):
    """A service that is needed ended or never became ready; the sentence names its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """One child process: how it starts, and how one knows that it is ready."""

    name: str
    arguments: tuple[str, ...]
    log_file: Path
    is_ready: Callable[[], Awaitable[bool]]
    address: str = ""
    """Where others reach it, for people to read."""
    environment: Mapping[str, str] = field(default_factory=dict)
    before_start: Callable[[], None] | None = None
    """Clears what an earlier run left, before each start (a stale ready file)."""
    is_live: Callable[[int], Awaitable[bool]] | None = None
    """Whether the process of this id makes progress; one that does not is ended and started again.
    None: nobody asks."""
    restarts: bool = True
    """False where its memory dies with it: then a new start would be a new, empty server."""
    ready_within_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a fallen service is started again. Seconds."""

    first: float = 0.5
    longest: float = 30.0
    calm: float = 60.0
    """One that ran this long starts the counting anew."""

    def falls(self, before: int, *, ran: float) -> int:
        """How many falls in a row it is now."""
        return 1 if ran >= self.calm else before + 1

    def wait(self, falls: int) -> float:
        doublings = min(falls - 1, 32)  # beyond, the power alone would grow without bound
        return min(self.longest, self.first * 2.0**doublings)


@dataclass(frozen=True, slots=True)
class Liveness:
    """How patiently a running service is asked whether it is live."""

    every: float = 10.0
    """Seconds."""
    bad_answers: int = 6
    """In a row, before it is ended."""


@dataclass(slots=True)
class _Kept:
    service: Service
    ready: asyncio.Event
    process: subprocess.Popen[bytes] | None = None
    task: "asyncio.Task[None] | None" = None


class Supervisor:
    """Holds the children of one `up`. Used from the main thread's loop (see processes.start)."""

    def __init__(
        self,
        tell: Callable[[str], None],
        *,
        backoff: Backoff | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        self._tell = tell
        self._backoff = backoff or Backoff()
        self._liveness = liveness or Liveness()
        self._kept: dict[str, _Kept] = {}
        self._stopping = False

    async def start(self, service: Service) -> float:
        """Returns the seconds until it was ready. Raises ServiceEndedError."""
        began = time.monotonic()
        kept = _Kept(service, asyncio.Event())
        self._kept[service.name] = kept
        kept.task = asyncio.create_task(self._keep(kept), name=service.name)
        ready = asyncio.create_task(kept.ready.wait())
        try:
            await asyncio.wait({kept.task, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if kept.task.done():
            kept.task.result()
        return time.monotonic() - began

    async def beside(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Runs `work` while watching: raises ServiceEndedError when a needed service ends first.

        Services that `work` itself starts are watched from their start.
        """
        task = asyncio.create_task(work)
        try:
            while True:
                keepers = {kept.task for kept in self._kept.values() if kept.task is not None}
                done, _ = await asyncio.wait(
                    {task, *keepers}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED
                )
                for ended in done - {task}:
                    ended.result()
                if task in done:
                    return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self, *names: str, grace_seconds: float) -> None:
        """Ends these together: asks, waits, then kills. Unknown names are passed over."""
        await asyncio.gather(*(self._stop(name, grace_seconds) for name in names))

    def is_running(self, name: str) -> bool:
        kept = self._kept.get(name)
        return kept is not None and kept.process is not None and kept.process.poll() is None

    def kill(self) -> None:
        """Ends all at once, without asking."""
        for kept in self._kept.values():
            if kept.process is not None and kept.process.poll() is None:
                kept.process.kill()

    async def _stop(self, name: str, grace_seconds: float) -> None:
        kept = self._kept.pop(name, None)
        if kept is None:
            return
        if kept.task is not None:
            kept.task.cancel()
            await asyncio.gather(kept.task, return_exceptions=True)
        if kept.process is None:
            return
        if kept.process.poll() is None:
            kept.process.terminate()
        deadline = time.monotonic() + grace_seconds
        while kept.process.poll() is None:
            if time.monotonic() > deadline:
                self._tell(f"{name} did not stop within {grace_seconds:.0f} s and was killed")
                kept.process.kill()
                kept.process.wait()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _keep(self, kept: _Kept) -> None:
        service, falls, restarts = kept.service, 0, 0
        while True:
            began = time.monotonic()
            if service.before_start is not None:
                service.before_start()
            kept.process = processes.start(
                service.arguments,
                log_file=service.log_file,
                environment={**service.environment, RESTARTS: str(restarts)},
            )
            restarts += 1
            first = not kept.ready.is_set()
            if await self._became_ready(kept, kept.process, limited=first):
                kept.ready.set()
                if not first:
                    seconds = time.monotonic() - began
                    self._tell(f"{service.name} is ready again after {seconds:.1f} s")
            status = await self._ended(service, kept.process)
            if first and not kept.ready.is_set():
                raise ServiceEndedError(
                    f"the {service.name} ended ({describe_status(status)}) before it was ready; "
                    f"its log is {service.log_file}{_last_words(service.log_file)}"
                )
            if not service.restarts:
                raise ServiceEndedError(
                    f"the {service.name} ended ({describe_status(status)}), and what it held in "
                    f"memory with it; its log is {service.log_file}; start again: "
                    "the archive restores the log"
                )
            falls = self._backoff.falls(falls, ran=time.monotonic() - began)
            wait = self._backoff.wait(falls)
            self._tell(
                f"{service.name} ended ({describe_status(status)}) and is started again in "
                f"{wait:.1f} s; its log is {service.log_file}"
            )
            await asyncio.sleep(wait)

    async def _became_ready(
        self, kept: _Kept, process: subprocess.Popen[bytes], *, limited: bool
    ) -> bool:
        """False when it ended first. A first start has a time limit, a later one has the log."""
        deadline = time.monotonic() + kept.service.ready_within_seconds
        while process.poll() is None:
            if await kept.service.is_ready():
                return True
            if limited and time.monotonic() > deadline:
                raise ServiceEndedError(
                    f"the {kept.service.name} was not ready within "
                    f"{kept.service.ready_within_seconds:.0f} s; its log is {kept.service.log_file}"
                )
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return False

    async def _ended(self, service: Service, process: subprocess.Popen[bytes]) -> int:
        """Its status once it has ended, by itself or because it was no longer live."""
        asking = asyncio.create_task(self._end_if_not_live(service, process))
        try:
            while (status := process.poll()) is None:  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
            return status
        finally:
            asking.cancel()

    async def _end_if_not_live(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        """Several bad answers in a row: a busy machine gives one now and then."""
        if service.is_live is None:
            return
        bad = 0
        while bad < self._liveness.bad_answers:
            await asyncio.sleep(self._liveness.every)
            bad = 0 if await service.is_live(process.pid) else bad + 1
        self._tell(f"{service.name} makes no progress and is ended; its log is {service.log_file}")
        process.kill()


def describe_status(status: int) -> str:
    """`status 1`, `SIGKILL`."""
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def _last_words(log_file: Path) -> str:
    """The last line of a log, which tells most often why; our logs hold no texts and no secrets."""
    with log_file.open("rb") as log:
        log.seek(max(0, log_file.stat().st_size - 4096))
        lines = log.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f", and ends with: {last[:_LONGEST_LINE]}" if last.isprintable() and last else ""
