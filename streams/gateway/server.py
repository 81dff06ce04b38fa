"""The gateway as a process: its socket, its server, its start and its end."""

import errno
import gc
import logging
import signal
import socket
from collections.abc import Sequence
from functools import partial

import structlog
import uvicorn
from pydantic import SecretStr

from schemas.webhooks import account_reference
from streams import kafka
from streams.gateway.app import Beside, create_app
from streams.gateway.direct import direct_http
from streams.gateway.draining import Draining
from streams.gateway.monitor import watched
from streams.gateway.publisher import KafkaPublisher
from streams.gateway.webhooks import Reference
from streams.monitoring import logs, traces
from streams.settings import Settings

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s for which proxies usually keep idle connections: the side that closes first
should be theirs, else a webhook meets a connection that is just being closed."""

_log = structlog.get_logger()


class GatewayStartError(RuntimeError):
    """The gateway can't start; the sentence says what to do."""


def serve(
    settings: Settings,
    *,
    reference: Reference = account_reference,
    beside: Beside | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order: no new connections, requests under way
    are answered, the producer is flushed. Raises GatewayStartError.
    """
    try:
        kafka.connection(settings)
    except kafka.KafkaSettingsError as error:
        raise GatewayStartError(str(error)) from error
    listener = _listen(settings.host, settings.port)
    if not structlog.is_configured():
        logs.configure("gateway", form=settings.log_format, level=settings.log_level)
    if settings.traces:
        traces.configure("gateway")
    _quiet_libraries()
    publisher, draining = KafkaPublisher(settings), Draining()
    app = create_app(
        settings,
        publisher,
        reference=reference,
        beside=beside,
        draining=draining,
        watching=partial(watched, settings, publisher, draining),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=direct_http(settings.request_timeout_seconds, app.deliveries_at),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # nobody here asks for the client's address, and it costs 15 us
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        )
    )
    host, port = listener.getsockname()[:2]
    _log.info("gateway listens", address=f"http://{f'[{host}]' if ':' in host else host}:{port}")
    _say_what_is_refused(settings)
    # uvicorn raises the signal that ended it once more; then it must not kill us as a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # What was imported stays for good: the collector need not look at it over and over.
    gc.freeze()
    server.run(sockets=[listener])
    _log.info("gateway stopped")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            remedy = "set DM_HOST to an address of this machine, as 127.0.0.1 or 0.0.0.0"
        else:
            remedy = "stop what listens there, or set DM_HOST and DM_PORT"
        raise GatewayStartError(
            f"can't listen on {host}:{port} ({error.strerror}): {remedy}"
        ) from error


def _say_what_is_refused(settings: Settings) -> None:
    secrets: dict[str, Sequence[SecretStr]] = {
        "DM_AYRSHARE_SECRETS": settings.ayrshare_secrets,
        "DM_META_APP_SECRETS": settings.meta_app_secrets,
        "DM_X_CONSUMER_SECRETS": settings.x_consumer_secrets,
    }
    for variable, values in secrets.items():
        if not values:
            _log.warning(
                "no webhook secret is set, so all webhooks of this provider are refused with 401",
                provider=variable.split("_")[1].lower(),
                set=variable,
            )
    if not settings.meta_verify_token.get_secret_value():
        _log.warning(
            "no verify token is set, so Meta can't register this address",
            provider="meta",
            set="DM_META_VERIFY_TOKEN",
        )


def _quiet_libraries() -> None:
    """aiokafka reports each of its retries, several a second while a broker is away; the publisher
    says the same once. Its debug lines would hold record values. uvicorn tells of each start.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
