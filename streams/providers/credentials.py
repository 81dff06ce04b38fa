"""Credentials by name, looked up when they are used. They are never on a topic or in a log."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from schemas.base import Provider

_PREFIX = "DM_CREDENTIAL_"
Settings = Mapping[str, str | None]
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")  # visible ASCII: a pasted newline is caught here


class Credential(BaseModel):
    """What one account is allowed to do things with. Its repr hides every secret.

    A value that is no JSON object is the token alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr
    """Ayrshare: the API key. Meta: a page token or an Instagram user token. X: an OAuth 2 user
    token with dm.write, dm.read, tweet.read, users.read (and media.write to send media)."""
    profile_key: SecretStr | None = None
    """Ayrshare: picks the User Profile; without it calls act on the Primary Profile."""
    login: Literal["page", "instagram"] = "page"
    """Meta, Instagram accounts: through the linked page, or through Instagram's own login."""
    page_id: str | None = None
    """Meta, Instagram through the page: that page. Without it, the page that the token names."""
    x_api_key: SecretStr | None = None
    x_api_secret: SecretStr | None = None
    """Ayrshare, X: the customer's own X app keys, which its X calls need."""

    @field_validator("token", "profile_key", "x_api_key", "x_api_secret")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _HEADER_VALUE.fullmatch(value.get_secret_value()):
            raise ValueError("not what a header can carry")
        return value


class CredentialMissingError(LookupError):
    """No usable credential under that name; the sentence says which variable to set."""


class CredentialSource(Protocol):
    """Where a send's credential comes from."""

    def find(
        self,
        name: str | None,
        provider: Provider,
        *,
        account_id: str = "",
        references: Sequence[str] = (),
    ) -> Credential:
        """Raises CredentialMissingError."""
        ...


class Credentials:
    """Finds credentials in the environment, in `.env`, or in files that the environment names.

    `DM_CREDENTIAL_<NAME>` holds the value, `DM_CREDENTIAL_<NAME>_FILE` the path of a file that
    does. Files are read at each look-up, so that whoever renews short-lived tokens (X's live two
    hours) only has to write a file.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, env_file: Path | None = Path(".env")
    ) -> None:
        self._environment = environment
        self._env_file = env_file

    def find(
        self,
        name: str | None,
        provider: Provider,
        *,
        account_id: str = "",
        references: Sequence[str] = (),
    ) -> Credential:
        """The credential of that name. Without a name: the account's own
        (`DM_CREDENTIAL_<PROVIDER>_<ACCOUNT>`; Ayrshare: also by the profile's refId, one of
        `references`), else the one named like the provider.

        Raises CredentialMissingError: also where that last one would speak for somebody else.
        """
        settings = self._settings()
        base = variable_name(provider)
        if name is not None:
            wanted = [variable_name(name)]
        else:
            ids = [account_id, *(references if provider == "ayrshare" else ())]
            own = [variable_name(f"{provider}_{each}") for each in ids if each]
            wanted = own if _are_told_apart(settings, provider) else [*own, base]
        for variable in wanted:
            if value := _read(settings, variable):
                return self._parsed(settings, variable, value, base, provider)
        # The last is the account's refId, or the provider's own: the one that is easiest to set.
        raise CredentialMissingError(f"no credential: set {(wanted or [base])[-1]}")

    def _parsed(
        self, settings: Settings, variable: str, value: str, base: str, provider: Provider
    ) -> Credential:
        try:
            if not value.startswith("{"):
                return Credential(token=SecretStr(value))
            told = Credential.model_validate_json(_with_token(value, settings, base, provider))
        except ValidationError as error:
            # Only where and what, never the value: it holds the secret.
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['type']}"
                for fault in error.errors(include_input=False, include_url=False)
            )
            raise CredentialMissingError(f"{variable} can't be used ({faults})") from None
        return told

    def _settings(self) -> Settings:
        settings: dict[str, str | None] = {}
        if self._env_file is not None and self._env_file.is_file():
            settings.update(dotenv_values(self._env_file, interpolate=False))
        settings.update(self._environment)
        return settings


def _read(settings: Settings, variable: str) -> str:
    if path := settings.get(f"{variable}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialMissingError(
                f"{variable}_FILE names a file that can't be read ({type(error).__name__})"
            ) from None
    return (settings.get(variable) or "").strip()


def _are_told_apart(settings: Settings, provider: Provider) -> bool:
    """Whether accounts of this provider have credentials of their own, where the credential alone
    says who sends (X's user token, Ayrshare's profile key): then the provider's own one would send
    an account's message in another one's name. Ids and refIds look like anything, so every name
    that begins with the provider's is taken for an account's.
    """
    if provider not in {"ayrshare", "x"}:
        return False
    base = f"{variable_name(provider)}_"
    return any(name.startswith(base) and name != f"{base}FILE" for name in settings)


def _with_token(value: str, settings: Settings, base: str, provider: Provider) -> str:
    """Ayrshare has one API key for all profiles: a profile's credential may leave it out."""
    if provider != "ayrshare":
        return value
    try:
        own = json.loads(value)
        key = _read(settings, base)
        key = json.loads(key).get("token", "") if key.startswith("{") else key
    except ValueError:
        return value  # the caller's own reading says what is wrong with it
    return json.dumps({"token": key, **own}) if key and isinstance(own, dict) else value


def variable_name(name: str) -> str:
    """`acme shop-2` is looked up as `DM_CREDENTIAL_ACME_SHOP_2`."""
    return _PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
