"""Runs a call on the engine: which connection, which settings, which limits, whole or streamed.

The ports differ here and nowhere else: `Runner` is the full one, `ReadOnlyRunner` the analysts'.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sinks.embedded import statement, vocabulary
from sinks.embedded.engine import NOTHING_KNOWN, Connection, Engine, Statistics
from sinks.embedded.errors import refusal
from sinks.embedded.formats import STREAMABLE
from sinks.embedded.guard import DEFAULT_DATABASE, Guard
from sinks.embedded.request import Call
from sinks.embedded.sessions import Sessions

# `async_insert` is on by default since 26.x and breaks deduplication on retry (measured).
_DEFAULTS = {"async_insert": "0", "implicit_select": "0"}


def _analyst_memory() -> int:
    """Bytes for one statement: an eighth of the machine, as four may run beside the sink."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(512 * 1024**2, min(4 * 1024**3, machine // 8))


_ANALYST_LIMITS = {
    "max_execution_time": "60",
    "max_memory_usage": str(_analyst_memory()),
    "max_result_rows": "1000000",
    "max_result_bytes": str(512 * 1024**2),
    # Half of a large machine. A question of some 100 ms may have both processors of a small one.
    "max_threads": str(max(2, (os.cpu_count() or 2) // 2)),
}


class ResultStream:
    """A result read block by block. Holds its connection until it ends or is closed."""

    def __init__(self, first: bytes, chunks: Generator[bytes], held: ExitStack) -> None:
        """`first` is made before the answer begins: most errors show there, and can still be told
        by the status."""
        self._first: bytes | None = first
        self._chunks = chunks
        self._held = held
        # A client may hang up while a block is being made in another thread.
        self._lock = threading.Lock()

    def read(self) -> bytes | None:
        """The next block; None at the end. Raises EngineError."""
        with self._lock:
            first, self._first = self._first, None
            return next(self._chunks, None) if first is None else first

    def close(self) -> None:
        with self._lock, self._held:
            self._chunks.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole result, or a streamed one that the receiver must close."""

    output_format: str
    data: bytes = b""
    statistics: Statistics = NOTHING_KNOWN
    stream: ResultStream | None = None


class BaseRunner(ABC):
    """`run` blocks: call it in a thread. Raises EngineError."""

    name: str

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @abstractmethod
    def _open(
        self, call: Call, parsed: statement.Insert | statement.Query, stack: ExitStack
    ) -> Connection:
        """A connection ready for the statement; `stack` gives it back."""

    def run(self, call: Call) -> Answer:
        parsed = statement.parse(call.sql, default_input_format=_input_format(call))
        with ExitStack() as stack:
            connection = self._open(call, parsed, stack)
            if isinstance(parsed, statement.Insert):
                done = connection.insert(parsed)
                return Answer(call.default_format, b"", done)
            output_format = parsed.output_format or call.default_format
            if parsed.is_select and output_format in STREAMABLE and not call.whole:
                chunks = connection.stream(parsed.sql, output_format, call.params)
                first = next(chunks, b"")
                return Answer(output_format, stream=ResultStream(first, chunks, stack.pop_all()))
            data, statistics = connection.query(parsed.sql, output_format, call.params)
            return Answer(output_format, data, statistics)

    def close(self) -> None:  # noqa: B027 - not every runner keeps something
        """Gives back what lives longer than a call."""


def _input_format(call: Call) -> str:
    return call.default_format if call.default_format != "TabSeparated" else "Values"


class Runner(BaseRunner):
    """The full port: the sink, migrations, administration."""

    name = "full"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._sessions = Sessions(engine)

    def _open(
        self, call: Call, parsed: statement.Insert | statement.Query, stack: ExitStack
    ) -> Connection:
        settings = _DEFAULTS | dict(call.settings)
        is_select = isinstance(parsed, statement.Query) and parsed.is_select
        if is_select:
            settings["log_comment"] = call.tag
        if call.session_id:
            # A session that was made read-only could not be made writable again.
            if call.is_get and not is_select:
                raise refusal(164, "READONLY", "Cannot execute query in readonly mode: use POST.")
            connection = stack.enter_context(
                self._sessions.connection(
                    call.session_id,
                    timeout=call.session_timeout,
                    must_exist=call.session_must_exist,
                    settings=settings,
                )
            )
        else:
            if call.is_get:
                settings["readonly"] = "2"  # as ClickHouse: a GET changes nothing
            connection = stack.enter_context(_fresh(self._engine))
            connection.apply(settings)
        if call.database:
            connection.use(call.database)
        return connection

    def close(self) -> None:
        self._sessions.close()


class ReadOnlyRunner(BaseRunner):
    """The analysts' port: checked statements, limits that can't be lifted, no sessions."""

    name = "read-only"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        # Before the first migration there must be a database to stand in that holds nothing.
        engine.scalar(f"CREATE DATABASE IF NOT EXISTS {DEFAULT_DATABASE}")
        self._guard = Guard(engine)

    def _open(
        self, call: Call, parsed: statement.Insert | statement.Query, stack: ExitStack
    ) -> Connection:
        if isinstance(parsed, statement.Insert):
            raise refusal(164, "READONLY", "The read-only port does not take INSERT.")
        connection = stack.enter_context(_fresh(self._engine))
        connection.apply(
            {"implicit_select": "0", "allow_introspection_functions": "0", "allow_ddl": "0"}
            | self._settings(call)
            | {"log_comment": call.tag}
        )
        connection.use(self._guard.database(call.database))
        connection.apply({"readonly": "1"})  # last: from here on no setting can be changed
        self._guard.check(connection, parsed.sql)
        return connection

    def _settings(self, call: Call) -> dict[str, str]:
        settings = dict(_ANALYST_LIMITS)
        for name, value in call.settings.items():
            if name in vocabulary.LIMITS:
                settings[name] = _lower(name, value)
            elif name in vocabulary.SETTINGS:
                settings[name] = value
            elif (name, value) not in (("readonly", "1"), ("readonly", "2")):
                raise refusal(
                    164, "READONLY", f"Cannot modify '{name[:60]}' setting in readonly mode."
                )
        return settings


def _lower(name: str, value: str) -> str:
    """The reader's own limit where it is stricter than ours. 0 means none, so it is not."""
    if not value.isdecimal():
        raise refusal(36, "BAD_ARGUMENTS", f"{name} is a whole number.")
    ours = int(_ANALYST_LIMITS[name])
    return str(min(int(value) or ours, ours))


@contextmanager
def _fresh(engine: Engine) -> Iterator[Connection]:
    connection = engine.connect()
    try:
        yield connection
    finally:
        connection.close()
