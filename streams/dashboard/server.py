"""The dashboard as a process: its socket, its start and its end."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from streams.dashboard.app import create_app
from streams.dashboard.asking import Asker
from streams.dashboard.login import KeyLogin, OnThisMachine
from streams.keys import KeyDirectory
from streams.settings import Settings

log = structlog.get_logger()

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class DashboardStartError(RuntimeError):
    """The dashboard can't start; the sentence says what to do."""


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises DashboardStartError."""
    host, port = settings.dashboard_host, settings.dashboard_port
    if settings.dashboard_login == "none" and host not in _LOOPBACK:
        raise DashboardStartError(
            f"whoever reaches {host} would read every message: leave DM_DASHBOARD_LOGIN=none out, "
            "or listen on 127.0.0.1"
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
            _app(settings),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    log.info(
        "dashboard listens", address=f"http://{host}:{listener.getsockname()[1]}/dashboard",
        login=settings.dashboard_login,
    )  # fmt: skip
    server.run(sockets=[listener])


def _app(settings: Settings) -> ASGIApp:
    if settings.dashboard_login == "none":
        return create_app(Asker(settings), admit=OnThisMachine(_LOOPBACK))
    keys = KeyDirectory(settings)

    @asynccontextmanager
    async def knowing_keys() -> AsyncIterator[None]:
        await keys.start()
        try:
            yield
        finally:
            await keys.stop()

    admit = KeyLogin(keys, https=settings.dashboard_https)
    return create_app(Asker(settings), admit=admit, beside=knowing_keys)
