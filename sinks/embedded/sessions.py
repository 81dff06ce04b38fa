"""Sessions over HTTP (`session_id`): settings, the database and temporary tables last between
requests. Without one, every request gets a connection of its own."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sinks.embedded.engine import Connection, Engine
from sinks.embedded.errors import refusal

_MANY = 1000  # idle sessions cost about 100 kB each; clients that forget theirs must not add up


@dataclass(slots=True)
class _Session:
    connection: Connection
    expires: float
    busy: bool = True
    brought: set[str] = field(default_factory=set)
    """Settings that an earlier request brought in its address: they were for that request."""


class Sessions:
    """Thread-safe. Raises EngineError 372 (unknown), 373 (in use)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    @contextmanager
    def connection(
        self, session_id: str, *, timeout: float, must_exist: bool, settings: Mapping[str, str]
    ) -> Iterator[Connection]:
        """The session's connection, for one request, with the request's settings applied."""
        session = self._take(session_id, timeout, must_exist=must_exist)
        try:
            for name in session.brought - settings.keys():
                session.connection.reset(name)
            session.brought = set(settings)
            session.connection.apply(settings)
            yield session.connection
        finally:
            with self._lock:
                session.busy = False
                session.expires = time.monotonic() + timeout

    def _take(self, session_id: str, timeout: float, *, must_exist: bool) -> _Session:
        with self._lock:
            self._drop_expired()
            session = self._sessions.get(session_id)
            if session is None:
                if must_exist:
                    raise refusal(372, "SESSION_NOT_FOUND", "Session not found.")
                if len(self._sessions) >= _MANY:
                    raise refusal(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many sessions.")
                session = _Session(self._engine.connect(), time.monotonic() + timeout)
                self._sessions[session_id] = session
            elif session.busy:
                raise refusal(373, "SESSION_IS_LOCKED", "Session is locked by a concurrent client.")
            session.busy = True
            return session

    def _drop_expired(self) -> None:
        now = time.monotonic()
        expired = [k for k, s in self._sessions.items() if not s.busy and s.expires < now]
        for session_id in expired:
            self._sessions.pop(session_id).connection.close()

    def close(self) -> None:
        with self._lock:
            for session in self._sessions.values():
                session.connection.close()
            self._sessions.clear()
