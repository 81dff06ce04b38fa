"""A TCP proxy that loses answers: what a sink must live through."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class CuttingProxy:
    """Forwards to `target`. While `answers_to_lose` is positive, a request whose body holds
    `marker` is forwarded whole, and its answer is thrown away: by cutting the connection, or, with
    `hold_seconds`, by keeping it silent that long first."""

    target: int
    marker: bytes
    port: int = 0
    answers_to_lose: int = 0
    hold_seconds: float = 0.0
    lost: list[bytes] = field(default_factory=list)
    """Beginnings of the answers that were thrown away."""
    clients: list[socket.socket] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.clients.append(client)
            threading.Thread(target=self._pair, args=(client,), daemon=True).start()

    def _pair(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            request = bytearray()
            upstream = threading.Thread(
                target=self._forward_requests, args=(client, server, request), daemon=True
            )
            upstream.start()
            with suppress(OSError):
                while answer := server.recv(65536):
                    if self.answers_to_lose > 0 and self.marker in request:
                        self.answers_to_lose -= 1
                        self.lost.append(answer[:64])
                        time.sleep(self.hold_seconds)
                        return
                    request.clear()
                    client.sendall(answer)

    def _forward_requests(
        self, client: socket.socket, server: socket.socket, request: bytearray
    ) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                request += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def cutting_proxy(target: int, marker: bytes) -> Iterator[CuttingProxy]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        proxy = CuttingProxy(target, marker, port=listener.getsockname()[1])
        accepting = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        accepting.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for client in proxy.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
