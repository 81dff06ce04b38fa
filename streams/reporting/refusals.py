"""What ClickHouse refused of a report, in a sentence: neither its SQL nor what its error quotes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    OperationalError,
    StreamFailureError,
)

_NAME = re.compile(r"\(([A-Z][A-Z_0-9]+)\)(?: \(version [^()]*(?:\([^()]*\))?[^()]*\))?\s*\Z")
"""How an error's text ends. What stands before it may be data."""

_LIMIT = (
    "a limit of who asked: ask again when less is running, or raise it (for a server of your own"
    " it stands in sinks/roles.sql)"
)
_BEHIND = (
    "`dmstream migrate` brings the views up to date; DM_CLICKHOUSE_DATABASE says in which database"
)
_STRANGER = (
    "set DM_CLICKHOUSE_READ_ONLY_USER and DM_CLICKHOUSE_READ_ONLY_PASSWORD to one who may read"
    " the views"
)
_ELSE = "ClickHouse's own log tells more"
# Numbers of ClickHouse's ErrorCodes.cpp.
_WAYS_OUT = (
    dict.fromkeys((158, 159, 201, 202, 241, 307, 396), _LIMIT)
    | dict.fromkeys((16, 36, 46, 47, 60, 81), _BEHIND)
    | dict.fromkeys((192, 193, 194, 497, 516), _STRANGER)
)


class RefusedError(Exception):
    """ClickHouse answered, with an error. `asked`: what of whom."""

    def __init__(self, asked: str, code: int | None, name: str | None) -> None:
        known = " ".join(str(part) for part in (code, name) if part) or "without a number"
        way_out = _WAYS_OUT.get(code or 0, _ELSE)
        super().__init__(f"ClickHouse refused {asked}: error {known}; {way_out}")
        self.code = code


@contextmanager
def refusals(asked: str) -> Iterator[None]:
    """Raises RefusedError where ClickHouse answered with an error; one that did not answer stays
    OperationalError."""
    try:
        yield
    except ClickHouseError as error:
        code = getattr(error, "code", None)
        cut = isinstance(error, StreamFailureError)  # it is told in the middle of an answer
        if isinstance(error, OperationalError) and code is None and not cut:
            raise
        raise RefusedError(asked, code, getattr(error, "name", None)) from error


def refusal(asked: str, answer: httpx.Response) -> RefusedError:
    """Of an answer whose status is an error and whose body was read."""
    code = answer.headers.get("X-ClickHouse-Exception-Code", "")
    name = _NAME.search(answer.text)
    if not code.isdecimal():
        return RefusedError(f"{asked} with HTTP status {answer.status_code}", None, None)
    return RefusedError(asked, int(code), name[1] if name else None)
