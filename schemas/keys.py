"""API keys. Compacted topic `dm.keys.v1`, key: the key's id. The secret is never in it."""

from typing import Literal

from pydantic import Field

from schemas.base import Instant, Model

Scope = Literal["send", "read", "admin"]
"""`send`: send and archive. `read`: every question. `admin`: profiles, accounts, settings."""


class KeyRecord(Model):
    """Value of `dm.keys.v1`. A revoked key keeps its record, so that its id is never used again."""

    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    secret_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the secret, hex. A plain hash is enough: the secret is 256 random bits, which nobody
    finds by trying, however fast the hash is."""
    name: str = ""
    """For people."""
    scopes: tuple[Scope, ...]
    profiles: tuple[str, ...] = ()
    """Those that it may name; empty: all. Where it is one, requests need not name it."""
    rate_max: int | None = Field(default=None, ge=1)
    """Requests in one period; None: the setting's."""
    created_at: Instant
    revoked_at: Instant | None = None
