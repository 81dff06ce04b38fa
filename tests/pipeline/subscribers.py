"""Receivers of webhooks: a real HTTP server on loopback, and what each of its paths was posted."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    at: float
    event_id: str
    attempt: int
    headers: dict[str, str]
    raw: bytes
    status: int

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


Answer = Callable[[str, int], int]
"""Event id and the attempt's number to a status; 0: none at all, the connection hangs."""


@dataclass
class Subscribers:
    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    got: dict[str, list[Got]] = field(default_factory=lambda: defaultdict(list))
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def taken(self, name: str) -> list[str]:
        """Event ids in the order of their first 2xx."""
        return list(dict.fromkeys(one.event_id for one in self.got[name] if one.status == 200))


@contextmanager
def receiving() -> Iterator[Subscribers]:
    found = Subscribers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            name = self.path.lstrip("/")
            headers = {key.lower(): value for key, value in self.headers.items()}
            attempt = int(headers["x-ayrshare-delivery-attempt"])
            event_id = headers["webhook-id"]
            status = found.answers.get(name, lambda *_: 200)(event_id, attempt)
            found.got[name].append(Got(time.monotonic(), event_id, attempt, headers, raw, status))
            if status == 0:
                found.ended.wait(60)
                self.close_connection = True
                return
            self.send_response(status)
            if status in {301, 302, 307, 308}:
                self.send_header("location", f"http://127.0.0.1:{found.port}/redirected")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        serving.join(5)
