"""Which profile a provider's account belongs to. Compacted topic `dm.accounts.v1`."""

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


def account_key(provider: Provider, reference: str) -> str:
    return f"{provider}:{reference}"
