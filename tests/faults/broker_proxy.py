"""A TCP proxy before a broker, which cuts connections after so many bytes."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cutter:
    """While `cut_after` is set, a connection is cut once so many bytes of it went either way, each
    at a length drawn from that range: in the middle of requests, answers and their lengths."""

    target: int
    listener: socket.socket
    chance: random.Random
    cut_after: range | None = None
    cuts: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._open += [client, server]
            left = [self.chance.choice(self.cut_after) if self.cut_after else None]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other, left), daemon=True).start()

    def cut_all(self) -> None:
        """Every connection there is, now."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _pass(self, one: socket.socket, other: socket.socket, left: list[int | None]) -> None:
        with suppress(OSError):
            while found := one.recv(65536):
                if left[0] is not None:
                    if len(found) >= left[0]:
                        other.sendall(found[: left[0]])
                        self.cuts += 1
                        break
                    left[0] -= len(found)
                other.sendall(found)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutter(listener: socket.socket, target: int, seed: int) -> Iterator[Cutter]:
    listener.listen()
    made = Cutter(target, listener, random.Random(seed))
    serving = threading.Thread(target=made.serve, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        made.cut_all()
        serving.join(5)
