"""Which profile a provider's account belongs to. Compacted topic `dm.accounts.v1`."""

import re
from typing import Literal

from schemas.base import Instant, Model, Provider


class AccountRecord(Model):
    """Value of `dm.accounts.v1`, under the key that `account_key` makes."""

    provider: Provider
    reference: str
    """What webhooks name: Ayrshare's refId, a page id, an Instagram account id, an X user id."""
    profileid: str
    credential: str | None = None
    """The name of the credential in the settings; never the credential."""
    origin: Literal["auto", "command"] = "command"
    """`auto`: registered by its first webhook."""
    linked_at: Instant


class AccountClaim(Model):
    """Value of `dm.accounts.v1` under `claim_key`: somebody is about to link the account. Of two
    at once the one that stands first on the topic has it."""

    claim_id: str
    profileid: str
    at: Instant
    released: bool = False
    """The link is decided: others may look for it in the archive."""
    command_id: str | None = None
    """Its request was answered before the link was decided: it ends with this command of the
    profile, and whoever meets it looks whether that was decided."""


CLAIMS = "claim:"
"""How the keys of claims begin; those of records begin with a provider."""


def claim_key(account_id: str) -> str:
    """One for all ids that may be taken for each other: their credentials are found by the id in
    capitals with `_` for what is no letter or digit, and a provider's accounts of all platforms
    share their names."""
    return CLAIMS + re.sub(r"[^A-Z0-9]", "_", account_id.upper())


def account_key(provider: Provider, reference: str) -> str:
    return f"{provider}:{reference}"
