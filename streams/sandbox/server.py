"""The stand-in as a process: its socket, its server, its end."""

import signal
import socket

import uvicorn

from streams.sandbox.app import make_app
from streams.sandbox.config import Config


class SandboxStartError(RuntimeError):
    """It can't start; the sentence says what to do."""


def serve(config: Config, port: int) -> None:
    """Serves on loopback until SIGTERM or SIGINT. Raises SandboxStartError."""
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        raise SandboxStartError(
            f"can't listen on 127.0.0.1:{port} ({error.strerror}): choose another with --port"
        ) from error
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(config),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,  # longer than any client keeps an idle connection
            timeout_graceful_shutdown=1,  # a hanging answer must not hold up the stop
        )
    )
    # uvicorn raises the signal that ended it once more; then it must not kill us as a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
