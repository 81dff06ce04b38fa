"""What a pipeline's operator watches and the archive alone knows: a few numbers, asked now and
then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.errors import classified
from sinks.migrate import analytics_database

SHARES = ("under_50", "50_to_80", "80_to_100", "reached")
"""Of the monthly limit."""

# A number for a gauge may be late; a server that is busy must not become busier for it.
_SETTINGS = {"max_execution_time": 30, "max_threads": 1}


@dataclass(frozen=True, slots=True)
class Standing:
    windows_closing: int
    """Correspondents who wait in a reply window that ends within the hour."""
    sends_unknown: int
    """Of the last 7 days."""
    limit_use: Mapping[str, int]
    """Profiles by share of this month's limit; all of SHARES are there."""


def standing(client: Client, *, database: str = "dm") -> Standing:
    """Blocks. Raises ArchiveError (sinks.errors)."""
    views = analytics_database(database)
    questions = (
        f"""SELECT 'closing', count() FROM {views}.closing_windows
        WHERE window_remaining_seconds <= 3600""",
        f"""SELECT 'unknown', count() FROM {views}.sends
        WHERE outcome = 'unknown' AND decided_at >= now() - INTERVAL 7 DAY""",
        f"""SELECT multiIf(limit_share < 0.5, 'under_50', limit_share < 0.8, '50_to_80',
            limit_share < 1, '80_to_100', 'reached') AS share, count()
        FROM {views}.active_conversations
        WHERE month = formatDateTime(now('UTC'), '%Y-%m') GROUP BY share""",
    )
    found: dict[str, int] = {}
    try:
        for question in questions:
            rows = client.query(question, settings=_SETTINGS).result_rows
            found.update({str(name): int(count) for name, count in rows})
    except (ClickHouseError, OSError) as error:
        raise classified(error, table=f"{views}.sends") from error
    return Standing(
        windows_closing=found.get("closing", 0),
        sends_unknown=found.get("unknown", 0),
        limit_use={share: found.get(share, 0) for share in SHARES},
    )
