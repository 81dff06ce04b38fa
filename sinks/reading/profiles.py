"""Which profiles there are, and whose an account is."""

from sinks.reading.asking import Asking


async def page(asking: Asking, *, limit: int, after: str) -> tuple[list[str], str | None]:
    """Registered profiles in the order of their ids, and the last of them where there are more."""
    rows = await asking.rows(
        "SELECT DISTINCT profile_id FROM $db.events WHERE kind = 'profile.registered'"
        " AND profile_id > {after:String} ORDER BY profile_id LIMIT {count:UInt32}",
        after=after,
        count=limit + 1,
    )
    ids = [str(row["profile_id"]) for row in rows]
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None


async def others_with(asking: Asking, profileid: str, platform: str, account_id: str) -> bool:
    """Whether another profile has, or had, this account."""
    rows = await asking.rows(
        "SELECT 1 FROM $db.events WHERE kind = 'account.linked' AND profile_id != {profile:String}"
        " AND account_id = {account:String} AND platform = {platform:String} LIMIT 1",
        profile=profileid,
        account=account_id,
        platform=platform,
    )
    return bool(rows)
