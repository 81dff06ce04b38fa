"""Finds in a statement what HTTP has to know: is it an insert with data, and which format it asks.

No parser: what may run is decided by the engine's own (see guard).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/|\#[\ !][^\n]*)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_FORMAT_NAME = re.compile(rb"\s*(\w+)[ \t;]*\r?\n?")
_BEFORE_NAMES = frozenset({b"INTO", b"TABLE", b"FUNCTION", b".", b"AS"})
_READS = frozenset({b"SELECT", b"WITH", b"FROM"})


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT that brings its rows along."""

    statement: bytes
    """Up to, without, SETTINGS, FORMAT or VALUES."""
    settings: bytes
    """Its SETTINGS clause, or nothing."""
    input_format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Anything else."""

    sql: bytes
    output_format: str | None
    """Of its FORMAT clause, if it has one."""
    is_select: bool


def parse(sql: bytes, *, default_input_format: str = "Values") -> Insert | Query:
    """Takes a request's statement apart. `sql` may have an insert's binary rows at its end."""
    first = _first_word(sql)
    if first == b"INSERT":
        return _insert(sql, default_input_format) or Query(sql, None, is_select=False)
    return Query(sql, _output_format(sql), is_select=first in _READS)


def _first_word(sql: bytes) -> bytes:
    for token in _TOKEN.finditer(sql):
        if token["word"]:
            return token["word"].upper()
        if not token["space"] and token[0] != b"(":
            return b""
    return b""


def _insert(sql: bytes, default_format: str) -> Insert | None:
    """None for INSERT ... SELECT and INSERT ... FROM INFILE: nothing follows the statement."""
    settings = 0  # where a SETTINGS clause begins

    def split(end: int) -> tuple[bytes, bytes]:
        return (sql[:settings], sql[settings:end]) if settings else (sql[:end], b"")

    for word, start, end in _keywords(sql):
        match word:
            case b"SELECT" | b"WITH" | b"FROM" | b"WATCH":
                return None
            case b"SETTINGS":
                settings = start
            case b"VALUES":
                return Insert(*split(start), "Values", sql[end:])
            case b"FORMAT":
                name = _FORMAT_NAME.match(sql, end)
                if name is not None:
                    return Insert(*split(start), name[1].decode(), sql[name.end() :])
    return Insert(*split(len(sql)), default_format, b"")


def _output_format(sql: bytes) -> str | None:
    """The last `FORMAT name`."""
    found: str | None = None
    for word, _, end in _keywords(sql):
        if word == b"FORMAT" and (name := _FORMAT_NAME.match(sql, end)) is not None:
            found = name[1].decode()
    return found


def _keywords(sql: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Words outside of parentheses, in capitals, with where they stand; without those that can
    only be names: a table may be called `format` or `values`."""
    depth = 0
    previous = b""
    for token in _TOKEN.finditer(sql):
        if token["space"]:
            continue
        text = token[0].upper()
        if text == b"(":
            depth += 1
        elif text == b")":
            depth -= 1
        elif depth == 0 and token["word"] and previous not in _BEFORE_NAMES:
            yield text, token.start(), token.end()
        previous = text
