"""What can go wrong with the archive, in three kinds: wait, wait longer, stop.

Messages name table, column and code, never a value: a server's own text may quote the row.
"""

import re

from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, Error, OperationalError

TOO_MANY_PARTS = 252

# Codes after which the same insert may well succeed, and whose rows may or may not be there.
# From ClickHouse's ErrorCodes.cpp; the choice is ours:
#   a cut connection or file: 3, 23, 74, 75, 95, 96, 209, 210; time over: 159, 160
#   busy: 202, 203, 439, 473, 574, 745; memory or disk full, which someone will free: 241, 243
#   stopped or going down: 236, 394; the system: 425, 499, 1000, 1001, 1002
#   replicas and Keeper: 225, 242, 244, 285, 286, 319, 999
#   Not 164 (READONLY): the user's profile forbids writing, and no waiting changes that. A table
#   that is read only for a while says 242.
_TRY_AGAIN = frozenset({
    3, 23, 74, 75, 95, 96, 159, 160, 202, 203, 209, 210, 225, 236, 241, 242, 243, 244, 285, 286,
    319, 394, 425, 439, 473, 499, 574, 745, 999, 1000, 1001, 1002,
})  # fmt: skip
# From proxies and load balancers, without a code of ClickHouse's.
_TRY_AGAIN_STATUS = frozenset({408, 425, 429, 499, 500, 502, 503, 504})

_STATUS = re.compile(r"HTTP status (\d{3})")
_COLUMN = re.compile(r"column [`'\"]?(\w{1,40})[`'\"]?")


class ArchiveError(Exception):
    """The archive did not acknowledge."""


class ArchiveUnavailable(ArchiveError):
    """Not landed, or unknown whether it has: send the same records again under the same token."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait at least."""


class TooManyParts(ArchiveUnavailable):
    """Merges do not keep up: wait, and take no more of this partition meanwhile."""


class ArchiveRefused(ArchiveError):
    """It would be refused again: a fault of ours, of the schema or of the rights. Stop."""


class ArchiveAhead(ArchiveError):
    """The archive knows offsets that the partition does not have (yet): another log."""


def classified(error: Exception, *, table: str) -> ArchiveError:
    """The typed error for what the client raised while it inserted into `table`."""
    code = error.code if isinstance(error, Error) else None
    if code == TOO_MANY_PARTS:
        return TooManyParts(f"{table} has too many parts (code 252): waiting", retry_after=5.0)
    if code in _TRY_AGAIN:
        name = getattr(error, "name", None) or "?"
        return ArchiveUnavailable(f"{table}: {name} (code {code})", retry_after=0.5)
    if code is None and _is_transport(error):
        return ArchiveUnavailable(
            f"no answer for {table} ({_cause(error)}): it may have landed", retry_after=0.5
        )
    return ArchiveRefused(_refusal(error, code, table))


def _is_transport(error: Exception) -> bool:
    status = _STATUS.search(str(error))
    if status is not None:
        return int(status[1]) in _TRY_AGAIN_STATUS
    # DataError is the client's own, before anything was sent; OSError covers closed sockets.
    return isinstance(error, OSError) or (
        isinstance(error, OperationalError) and not isinstance(error, DataError)
    )


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error
    return type(cause).__name__


def _refusal(error: Exception, code: int | None, table: str) -> str:
    """Names the column where the server or the client named one, and what to do."""
    column = _COLUMN.search(str(error))
    where = f", column {column[1]}" if column else ""
    name = getattr(error, "name", None) or type(error).__name__
    advice = "run `dmstream migrate`" if code in (16, 60, 81) else "see the server's log"
    told = f"code {code} {name}" if code is not None else name
    kind = "ClickHouse refused" if isinstance(error, ClickHouseError) else "could not write"
    return f"{kind} the insert into {table}{where} ({told}): {advice}"
