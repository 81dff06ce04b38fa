"""How the stand-in behaves."""

from dataclasses import dataclass
from urllib.parse import unquote

from schemas.base import Platform, Provider

PATHS = {
    "DM_AYRSHARE_URL": "/ayrshare/api",
    "DM_META_GRAPH_URL": "/meta/graph/v25.0",
    "DM_META_INSTAGRAM_URL": "/meta/instagram/v25.0",
    "DM_X_URL": "/x",
}
"""The settings that point the connectors here, and the paths to put after the address."""


_NAMING = "sandbox."


def named_by(token: str | None) -> tuple[str, str] | None:
    """(account, Ayrshare's refId or "") of a token that names its account:
    `sandbox.<account>`, `sandbox.<account>.<refId>`. None for any other token.

    So a pipeline needs not tell a sandbox of its accounts before it sends.
    """
    if token is None or not token.startswith(_NAMING):
        return None
    account, _, reference = token.removeprefix(_NAMING).partition(".")
    return unquote(account), unquote(reference)


@dataclass(frozen=True, slots=True)
class Config:
    gateway: str | None = None
    """Where webhooks go (`/webhooks/<provider>` is added); None: nobody answers."""
    ayrshare_secret: str = ""
    meta_app_secret: str = ""
    x_consumer_secret: str = ""
    meta_app_id: str = "1000000000000001"
    """The app that Messenger's echoes name."""
    seed: int = 0
    delay_seconds: float = 0.2
    """Between one thing that a correspondent does and the next; the echo comes after one."""
    read_share: float = 0.9
    reply_share: float = 0.5
    reaction_share: float = 0.15
    hang_seconds: float = 600.0
    """How long a hanging answer hangs at most."""
    posts_at_once: int = 32


@dataclass(frozen=True, slots=True)
class Account:
    """One linked account, as the platform knows it."""

    provider: Provider
    platform: Platform
    account_id: str
    token: str | None = None
    profile_key: str | None = None
    """Ayrshare."""
    reference: str | None = None
    """Ayrshare's refId: what its webhooks name."""
    page_id: str | None = None
    """Meta, Instagram through a page: that page."""
