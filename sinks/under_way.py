"""Waits until the questions that are under way are answered.

A question looks at several tables, each as of one moment, and these moments lie apart by what
planning takes: milliseconds, on a busy machine seconds. Who changes one table, and then another in
a way that fits the first one as it is now, first lets everyone go who may have looked at the first
one before. No time that is fixed beforehand does that.
"""

import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

LONGEST_SECONDS = 20.0
"""Then one goes on: who is still being answered looked at all tables long ago, and now reads."""
_LOOK_SECONDS = 0.02
_MAY_NOT = "ACCESS_DENIED"

Ids = frozenset[str]


def let_go(
    client: Client,
    *,
    longest: float = LONGEST_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Returns once all questions of this server that are under way now have ended; later ones are
    not waited for. At once where the user may not see them (sinks/roles.sql). Blocks."""
    asked = _under_way(client)
    until = clock() + longest
    while asked and clock() < until:
        sleep(_LOOK_SECONDS)
        asked &= _under_way(client)


def _under_way(client: Client) -> Ids:
    try:
        found = client.query(
            "SELECT query_id FROM system.processes"
            " WHERE query_kind = 'Select' AND is_initial_query AND query_id != queryID()"
        )
    except DatabaseError as error:
        if _MAY_NOT in str(error):
            return frozenset()
        raise
    return frozenset(str(query_id) for (query_id,) in found.result_rows)
