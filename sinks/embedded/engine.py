"""The engine: one chDB per process, a connection of its own for every request.

Measured (chDB 4.4, engine 26.9): any number of connections may be open on one folder, each with
its own settings and database, and they run side by side; two calls on one connection wait for each
other. Opening one takes 0.4 ms. So a request gets a fresh connection, and reads run beside inserts.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from sinks.embedded.errors import EngineError, from_engine
from sinks.embedded.statement import Insert


@dataclass(frozen=True, slots=True)
class Statistics:
    """What `X-ClickHouse-Summary` tells. Seconds."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed: float = 0.0


NOTHING_KNOWN = Statistics()


class Connection:
    """A session of the engine. Not for two threads at once. Raises EngineError."""

    def __init__(self, path: str) -> None:
        try:
            self._chdb: Any = chdb.connect(path)  # type: ignore[no-untyped-call]
        except Exception as error:
            raise from_engine(error) from error

    def apply(self, settings: Mapping[str, str]) -> None:
        """Sets settings for what follows on this connection."""
        if settings:
            changes = (f"{name_of(name)} = {quoted(value)}" for name, value in settings.items())
            self.query(f"SET {', '.join(changes)}".encode())

    def reset(self, setting: str) -> None:
        self.query(f"SET {name_of(setting)} = DEFAULT".encode())

    def use(self, database: str) -> None:
        self.query(f"USE {name_of(database)}".encode())

    def query(
        self,
        sql: bytes,
        output_format: str = "TabSeparated",
        params: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Statistics]:
        """Runs one statement. A FORMAT clause in it wins over `output_format`.

        `params` are values of `{name:Type}` in TabSeparated escaping, as they come over HTTP.
        """
        try:
            result = self._chdb.query(sql, output_format, params=dict(params or {}))
        except Exception as error:
            raise from_engine(error) from error
        data: bytes = result.bytes() or b""
        return data, _statistics(result, len(data))

    def stream(
        self, sql: bytes, output_format: str, params: Mapping[str, str] | None = None
    ) -> Generator[bytes]:
        """A SELECT's result, block by block, so that no result has to fit in memory.

        Only for formats whose blocks can be put after one another (see formats.STREAMABLE).
        """
        try:
            result = self._chdb.send_query(sql, output_format, params=dict(params or {}))
        except Exception as error:
            raise from_engine(error) from error
        try:
            while (chunk := _fetch(result)) is not None:
                yield chunk
        finally:
            with suppress(Exception):  # a cancelled stream has nothing to tell
                result.cancel()

    def insert(self, insert: Insert) -> Statistics:
        """Runs an INSERT that brings its rows along.

        They go by a file in memory. Two shorter ways were measured and are no good: in a
        statement with its data (`query`) chDB looks for the end of the statement inside the data
        and cuts binary rows at a `;`; and its streaming insert (`send_insert`), twice as fast,
        passes by the engine's check for too many parts, so nothing would slow down a writer.
        """
        with _in_memory(insert.data) as path:
            _, statistics = self.query(
                b"%s FROM INFILE '%s' COMPRESSION 'none' %s FORMAT %s"
                % (insert.statement, path.encode(), insert.settings, insert.input_format.encode())
            )
        return statistics

    def close(self) -> None:
        self._chdb.close()


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """The path of a file with `data`, that this process alone can open."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("insert", os.MFD_CLOEXEC), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(data)
            named.flush()
            yield named.name


def _fetch(result: Any) -> bytes | None:
    try:
        chunk = result.fetch()
    except Exception as error:
        raise from_engine(error) from error
    return None if chunk is None else chunk.bytes()


def _statistics(result: Any, size: int) -> Statistics:
    return Statistics(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=size,
        elapsed=result.elapsed(),
    )


def name_of(text: str) -> str:
    """A ClickHouse identifier, whatever characters it has."""
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def quoted(value: str) -> str:
    """A ClickHouse string literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Engine:
    """The engine on a folder. It lives as long as its first connection, which is kept open."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder)
        self._lock = threading.Lock()
        self._anchor = Connection(self._path)
        self.version = self.scalar("SELECT version()")
        self.time_zone = self.scalar("SELECT timezone()")

    def connect(self) -> Connection:
        return Connection(self._path)

    def scalar(self, sql: str) -> str:
        with self._lock:
            return self._anchor.query(sql.encode(), "TabSeparatedRaw")[0].decode().rstrip("\n")

    def rows(self, sql: str) -> list[list[str]]:
        """For names of functions, settings and the like: cells have no tabs or line ends."""
        text = self.scalar(sql)
        return [line.split("\t") for line in text.split("\n")] if text else []

    def cancel(self, tag: str) -> None:
        """Ends the running queries whose `log_comment` is `tag`. Unknown tags are no error."""
        with suppress(EngineError):
            self.scalar(f"KILL QUERY WHERE Settings['log_comment'] = {quoted(tag)} ASYNC")

    def cancel_all(self) -> None:
        with suppress(EngineError):
            self.scalar("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC")

    def close(self) -> None:
        self._anchor.close()
