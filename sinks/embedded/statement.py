"""Finds in a statement what HTTP has to know: is it an insert with data, and which format it asks.

No parser: what may run is decided by the engine's own (see guard).
"""

import re
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
_READS = frozenset({b"SELECT", b"WITH", b"FROM"})


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT that brings its rows along."""

    statement: bytes
    """Up to, without, FORMAT or VALUES."""
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
    depth = 0
    previous = b""
    for token in _TOKEN.finditer(sql):
        if token["space"]:
            continue
        word = token[0].upper()
        if word == b"(":
            depth += 1
        elif word == b")":
            depth -= 1
        # A table may be called `format` or `values`: after INTO, TABLE or a dot stands a name.
        elif (
            depth == 0 and token["word"] and previous not in (b"INTO", b"TABLE", b"FUNCTION", b".")
        ):
            if word in (b"SELECT", b"WITH", b"WATCH", b"FROM"):
                return None
            if word == b"VALUES":
                return Insert(sql[: token.start()], "Values", sql[token.end() :])
            if word == b"FORMAT":
                name = re.compile(rb"\s*(\w+)[ \t;]*\r?\n?").match(sql, token.end())
                if name is not None:
                    statement, data = sql[: token.start()], sql[name.end() :]
                    return Insert(statement, name[1].decode(), data)
        previous = word
    return Insert(sql, default_format, b"")


def _output_format(sql: bytes) -> str | None:
    """The last `FORMAT name` outside of parentheses."""
    depth = 0
    after_format = False
    found: str | None = None
    for token in _TOKEN.finditer(sql):
        if token["space"]:
            continue
        if token[0] == b"(":
            depth += 1
            after_format = False
        elif token[0] == b")":
            depth -= 1
        elif depth == 0 and token["word"]:
            if after_format:
                found = token["word"].decode()
            after_format = token["word"].upper() == b"FORMAT"
        else:
            after_format = False
    return found
