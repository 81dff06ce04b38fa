"""Credentials for a sandbox: each names its account, which is all that a sandbox asks."""

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import SecretStr

from schemas.base import Provider
from streams.providers.credentials import Credential


class MadeUpCredentials:
    """For whatever account. Real ones are never looked at, so that none can reach a sandbox."""

    def find(
        self,
        name: str | None,  # noqa: ARG002 - a name would lead to a real one
        provider: Provider,
        *,
        account_id: str = "",
        references: Sequence[str] = (),
    ) -> Credential:
        """Token `sandbox.<account>`; Ayrshare: profile key `sandbox.<account>.<refId>`."""
        token = f"sandbox.{quote(account_id, safe='')}"
        reference = references[0] if references else account_id
        key = f"{token}.{quote(reference, safe='')}" if provider == "ayrshare" else None
        return Credential(
            token=SecretStr(token),
            profile_key=SecretStr(key) if key is not None else None,
            login="instagram",
        )
