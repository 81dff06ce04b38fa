"""Which correspondents of a profile were erased."""

from datetime import UTC, datetime

from sinks.reading.asking import Asking


async def of_profile(asking: Asking, profileid: str) -> list[tuple[str, datetime]]:
    """Conversations, and up to when everything of them has lost its content. An erasure is noted
    before the range of the log that told of it counts as archived."""
    rows = await asking.rows(
        "SELECT conversation_id, toUnixTimestamp64Milli(max(erased_at)) AS at FROM $db.erasures"
        " WHERE profile_id = {profile:String} GROUP BY conversation_id",
        profile=profileid,
    )
    return [
        (str(row["conversation_id"]), datetime.fromtimestamp(row["at"] / 1000, UTC)) for row in rows
    ]
