"""A process's own port for those who watch it: /metrics, /health/live, /health/ready.

It answers from a thread of its own, so that it can say that the event loop stands still. It has no
key and tells no names, and binds loopback unless told otherwise.
"""

import errno
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from streams.monitoring.paths import LIVE_PATH, METRICS_PATH, READY_PATH

_PATIENCE_SECONDS = 10.0
"""For a client that has connected and says nothing."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer to one of the two questions about health."""

    good: bool
    sentence: str
    """What a person reads; names of topics and servers, nothing else."""


Ask = Callable[[], Verdict]


class MonitorServer:
    """Serves from `start` to `stop`. `live` and `ready` are called from its threads."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        live: Ask,
        ready: Ask,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        app = _app(live, ready, make_wsgi_app(registry))
        self._server = _listen(host, port, app)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},  # as long as `stop` waits; half a second by default
            name="monitor",
            daemon=True,
        )

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def start(self) -> None:
        self._thread.start()
        _log.info("monitor listens", port=self.port)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE_SECONDS)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # A process that starts anew has its port at once, though what it had answered before is still
    # in TIME_WAIT. Where another one listens, Linux refuses the port all the same; it would not
    # with SO_REUSEPORT, which later Pythons may turn on in http.server.
    allow_reuse_address = True
    allow_reuse_port = False

    def server_bind(self) -> None:
        """Without wsgiref's look-up of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """A scrape each few seconds is no news."""


def _listen(host: str, port: int, app: WSGIApplication) -> WSGIServer:
    """On another port where this one is taken: watching never keeps a worker from its work."""
    try:
        return make_server(host, port, app, _Server, _Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        made = make_server(host, 0, app, _Server, _Handler)
        _log.warning(
            "the monitor's port is taken, so another one is used: set DM_MONITOR_PORT for each"
            " process where several share a machine",
            wanted=port,
            used=made.server_port,
        )
        return made


def _app(live: Ask, ready: Ask, metrics: WSGIApplication) -> WSGIApplication:
    asks = {LIVE_PATH: live, READY_PATH: ready}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == METRICS_PATH:
            return metrics(environ, start_response)
        ask = asks.get(path)
        if ask is None:
            return _answer(start_response, HTTPStatus.NOT_FOUND, {"error": "not_found"})
        verdict = ask()
        status = HTTPStatus.OK if verdict.good else HTTPStatus.SERVICE_UNAVAILABLE
        return _answer(start_response, status, {"ok": verdict.good, "because": verdict.sentence})

    return app


def _answer(
    start_response: StartResponse, status: HTTPStatus, content: dict[str, Any]
) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start_response(
        f"{status.value} {status.phrase}",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
    )
    return [body]
