"""The process: its folder, its two listeners, its end."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import uvicorn

from sinks.embedded.confine import confine
from sinks.embedded.workers import Workers

if TYPE_CHECKING:
    from sinks.embedded.http import Port

_GRACE_SECONDS = 1.0
"""For running statements at the end; then they are cancelled."""
_ANSWER_SECONDS = 2
"""For all answers, the cancelled ones too; then connections are cut."""
_CANCEL_SECONDS = 0.5
"""For cancelled statements to stop; then the process goes without them. A part that is not
committed is not there at the next start, so nothing is lost that was acknowledged."""

_STATEMENTS = 16
_ANALYST_STATEMENTS = 4
"""How many run at once on the read-only port; so a crowd of analysts leaves room for the sink."""


class StartError(Exception):
    """The server can't start; the sentence says what to do."""


def serve(data: Path, *, host: str, port: int, read_only_port: int) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartError."""
    with ExitStack() as stack:
        stack.enter_context(_locked(data))
        listeners = [
            stack.enter_context(_listener(host, number)) for number in (port, read_only_port)
        ]
        _keep_scratch_inside(data)
        os.environ["TZ"] = "UTC"  # so `today()` is the same day here and on a server
        confined = confine(data.resolve())
        clean = asyncio.run(_serve(data, host, listeners, confined=confined))
    if not clean:
        os._exit(0)  # an engine thread still runs; waiting for it would never end


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """The folder is one process's alone: two engines on it would destroy it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock: IO[str] = (data / "dmstream.lock").open("w")
    except OSError as error:
        raise StartError(
            f"{data} can't be written ({error.strerror}): give the data folder to this user, "
            "or set DM_DATA_DIR to another"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                f"{data} is in use by another embedded ClickHouse: stop it, "
                "or set DM_DATA_DIR to another folder"
            ) from error
        yield


def _keep_scratch_inside(data: Path) -> None:
    """The engine makes folders where temporary files go; the data folder is the only one it may
    write."""
    scratch = data.resolve() / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(scratch)


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio switches Nagle's algorithm off only where it is, and with it
    # on every answer waited 40 ms (measured) for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise StartError(
                f"port {port} on {host} can't be used ({error.strerror}): "
                "stop what listens there, or choose another"
            ) from error
        yield listener


class _Listening(uvicorn.Server):
    """Without uvicorn's own signal handlers: two of them in one process would fight."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(data: Path, host: str, listeners: list[socket.socket], *, confined: bool) -> bool:
    """True if the engine was closed in order."""
    # After `confine`: importing the engine starts its threads.
    import structlog  # noqa: PLC0415

    from sinks.embedded.engine import Engine  # noqa: PLC0415
    from sinks.embedded.errors import EngineError  # noqa: PLC0415
    from sinks.embedded.http import Port  # noqa: PLC0415
    from sinks.embedded.runner import ReadOnlyRunner, Runner  # noqa: PLC0415

    log = structlog.get_logger()
    try:
        engine = Engine(data / "clickhouse")
    except EngineError as error:
        raise StartError(f"the engine can't open {data}: {error.text}") from error
    full = Port(engine, Runner(engine), Workers(_STATEMENTS))
    analysts = Port(engine, ReadOnlyRunner(engine), Workers(_ANALYST_STATEMENTS))
    servers = [_Listening(_config(port, host)) for port in (full, analysts)]

    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True
        loop.call_later(_GRACE_SECONDS, loop.run_in_executor, None, engine.cancel_all)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    log.info("serving", engine=engine.version, confined=confined)
    await asyncio.gather(
        *(server.serve([listener]) for server, listener in zip(servers, listeners, strict=True))
    )
    return _close((full, analysts))


def _close(ports: tuple["Port", "Port"]) -> bool:
    for port in ports:
        port.workers.close()
    if not all(port.workers.idle(_CANCEL_SECONDS / len(ports)) for port in ports):
        return False
    for port in ports:
        port.runner.close()
    ports[0].engine.close()
    return True


def _config(port: "Port", host: str) -> uvicorn.Config:
    return uvicorn.Config(
        port.app(host=host),
        http="httptools",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=600,  # the sink keeps its connection between quiet batches
        timeout_graceful_shutdown=_ANSWER_SECONDS,
    )
