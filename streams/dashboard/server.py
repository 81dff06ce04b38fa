"""The dashboard as a process: its socket, its start and its end."""

import socket

import structlog
import uvicorn

from streams.dashboard.app import create_app
from streams.dashboard.asking import Asker
from streams.settings import Settings

log = structlog.get_logger()

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class DashboardStartError(RuntimeError):
    """The dashboard can't start; the sentence says what to do."""


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises DashboardStartError."""
    host, port = settings.dashboard_host, settings.dashboard_port
    if host not in _LOOPBACK:
        log.warning(
            "whoever reaches this address reads every message: put a login before it", host=host
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise DashboardStartError(
            f"can't listen on {host}:{port} ({error.strerror}): stop what listens there, "
            "or set DM_DASHBOARD_HOST and DM_DASHBOARD_PORT"
        ) from error
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(Asker(settings)),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    log.info("dashboard listens", address=f"http://{host}:{listener.getsockname()[1]}/dashboard")
    server.run(sockets=[listener])
