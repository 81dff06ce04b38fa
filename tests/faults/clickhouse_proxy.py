"""ClickHouse behind a door that can be shut, made slow, or made to lie. Speaks HTTP."""

import http.client
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_TOO_MANY_PARTS = (
    b"Code: 252. DB::Exception: Too many parts (1000). Merges are processing significantly slower"
    b" than inserts. (TOO_MANY_PARTS)"
)


@dataclass
class Door:
    """What happens to requests. Reads and inserts alike, but for the two that name inserts."""

    target: int
    port: int = 0
    shut: bool = False
    """Connections are closed without an answer, and nothing reaches ClickHouse."""
    slow_seconds: float = 0.0
    """Before each answer."""
    answers_to_lose: int = 0
    """Of inserts: applied, and the connection is cut instead of the answer."""
    too_many_parts: int = 0
    """So many inserts are refused for that reason."""
    inserts: int = 0
    lost: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def takes(self, name: str) -> bool:
        """Whether one more of what `name` counts is due; counts it down."""
        with self._guard:
            left = getattr(self, name)
            if left > 0:
                setattr(self, name, left - 1)
            return bool(left > 0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    door: Door

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._pass_on("GET", b"")

    def do_POST(self) -> None:
        self._pass_on("POST", self._body())

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is not None:
            return self.rfile.read(int(length))
        found = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(found)

    def _pass_on(self, method: str, body: bytes) -> None:
        door = self.door
        is_insert = body.startswith(b"INSERT INTO")
        if door.shut:
            self.close_connection = True
            return
        if is_insert:
            door.inserts += 1
            if door.takes("too_many_parts"):
                self._answer(500, [("X-ClickHouse-Exception-Code", "252")], _TOO_MANY_PARTS)
                return
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "host"}
        }
        upstream = http.client.HTTPConnection("127.0.0.1", door.target, timeout=120)
        try:
            upstream.request(method, self.path, body=body, headers=headers)
            response = upstream.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        finally:
            upstream.close()
        time.sleep(door.slow_seconds)
        if is_insert and door.takes("answers_to_lose"):
            door.lost += 1
            self.close_connection = True
            return
        if door.shut:
            self.close_connection = True
            return
        self._answer(response.status, response.getheaders(), answer)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the game."""


@contextmanager
def door_to(clickhouse_url: str) -> Iterator[Door]:
    target = urlsplit(clickhouse_url).port
    assert target is not None
    door = Door(target)
    handler = type("Handler", (_Handler,), {"door": door})
    server: socketserver.BaseServer = _Server(("127.0.0.1", 0), handler)
    door.port = server.server_address[1]  # type: ignore[index]
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        serving.join(5)
