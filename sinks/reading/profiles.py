"""Which profiles there are, and whose an account is."""

import re

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


_NAMED = "replaceRegexpAll(upper({}), '[^A-Z0-9]', '_') = {{name:String}}"


async def others_with(
    asking: Asking, profileid: str, provider: str, platform: str, account_id: str
) -> bool:
    """Whether what is under this account's name is, or was, another profile's.

    The account directory has one entry for a provider and a reference, whatever the platform, and
    the reference may be what the provider calls a profile. An account's own credential is found by
    its id in capitals with `_` for what is no letter or digit. So ids are compared like that, with
    the provider's accounts of all platforms and with all profiles' references.
    """
    account, profile, reference = (
        _NAMED.format(column)
        for column in ("account_id", "profile_id", "JSONExtractString(details, 'reference')")
    )
    rows = await asking.rows(
        "SELECT 1 FROM $db.events WHERE profile_id != {profile:String} AND conversation_id = ''"
        f" AND ((kind = 'account.linked' AND {account}"
        " AND (provider = {provider:String} OR platform = {platform:String}))"
        f" OR (kind = 'profile.registered' AND ({profile} OR {reference}))) LIMIT 1",
        profile=profileid,
        provider=provider,
        platform=platform,
        name=re.sub(r"[^A-Z0-9]", "_", account_id.upper()),
    )
    return bool(rows)


async def with_account(asking: Asking, provider: str, platform: str, account_id: str) -> list[str]:
    """Profiles whose last word on the account is that it was linked."""
    rows = await asking.rows(
        "SELECT profile_id FROM $db.events FINAL WHERE conversation_id = ''"
        " AND kind IN ('account.linked', 'account.unlinked') AND provider = {provider:String}"
        " AND platform = {platform:String} AND account_id = {account:String} GROUP BY profile_id"
        " HAVING argMax(kind, (occurred_at, logged_at)) = 'account.linked' ORDER BY profile_id",
        provider=provider,
        platform=platform,
        account=account_id,
    )
    return [str(row["profile_id"]) for row in rows]
