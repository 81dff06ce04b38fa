"""The facts of all conversations computed anew beside the ones in use, and shown in their place.

For whoever doubts them, or changed how they are computed: they are a function of `events`, so they
can always be made again. Each conversation is told as touched, as an event would, and computed
(sinks/facts.py): its new version is hidden until it is whole. Traffic goes on meanwhile, and views
stay exact: what is touched they compute by themselves.
"""

from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks import facts
from sinks.errors import classified

CONVERSATIONS_AT_ONCE = 20_000
"""So many are computed by each question that is asked meanwhile."""


def reproject(
    client: Client,
    *,
    database: str = "dm",
    progress: Callable[[int], None] = lambda _: None,
    at_once: int = CONVERSATIONS_AT_ONCE,
    pause: float = facts.SETTLE_SECONDS,
) -> int:
    """Returns how many conversations were told of. Blocks. It may be cut at any moment: what is
    touched by then is computed by the next round of a worker. Raises ArchiveError (sinks.errors).
    """
    computed = 0
    after: tuple[str, str] | None = None
    while (piece := _touch(client, database, after, at_once)) is not None:
        after, count = piece
        # Once: while events come there is always more. A part that is left is the next round's.
        facts.refresh(client, database=database, pause=pause)
        computed += count
        progress(computed)
    return computed


def _touch(
    client: Client, database: str, after: tuple[str, str] | None, at_once: int
) -> tuple[tuple[str, str], int] | None:
    """The next piece, in the order of the keys: its last conversation, and how many there are."""
    profile, conversation = after or ("", "")
    place = {"is_first": after is None, "profile": profile, "conversation": conversation}
    try:
        rows = client.query(
            f"SELECT DISTINCT profile_id, conversation_id FROM {database}.events WHERE {_AFTER}"
            " ORDER BY profile_id, conversation_id LIMIT {most:UInt32}",
            parameters=place | {"most": at_once},
        ).result_rows
        if not rows:
            return None
        client.insert(
            f"{database}.touched",
            rows,
            column_names=["profile_id", "conversation_id"],
            settings={"async_insert": 0},
        )
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{database}.touched") from error
    last = rows[-1]
    return (str(last[0]), str(last[1])), len(rows)


_AFTER = (
    "({is_first:Bool} OR (profile_id, conversation_id) > ({profile:String}, {conversation:String}))"
)
