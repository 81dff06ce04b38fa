"""Webhook secrets for a pipeline on this machine, made where none are set.

A gateway without secrets could verify nothing. They are kept in the data folder, readable by its
owner alone, so that a second start and another terminal sign with the same ones.
"""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from streams.settings import Settings

_NEEDED = ("ayrshare_secrets", "meta_app_secrets", "meta_verify_token", "x_consumer_secrets")


def secrets_file(settings: Settings) -> Path:
    return settings.data_dir / "secrets.env"


def with_secrets(settings: Settings) -> Settings:
    """The settings with a secret for every provider. One that is set wins over the file."""
    missing = [name for name in _NEEDED if not _is_set(settings, name)]
    if not missing:
        return settings
    file = secrets_file(settings)
    known = _read(file)
    made = {name: known.get(name) or secrets.token_hex(24) for name in missing}
    _write(file, known | made)
    update = {
        name: SecretStr(value) if name == "meta_verify_token" else (SecretStr(value),)
        for name, value in made.items()
    }
    return settings.model_copy(update=update)


def api_key(settings: Settings, made: str) -> str:
    """This machine's own API key: the one in the file, else `made`, which is put there."""
    file = secrets_file(settings)
    known = _read(file)
    if "api_key" in known:
        return known["api_key"]
    _write(file, known | {"api_key": made})
    return made


def _is_set(settings: Settings, name: str) -> bool:
    value: SecretStr | tuple[SecretStr, ...] = getattr(settings, name)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {
        name.removeprefix("DM_").lower(): value
        for name, _, value in pairs
        if name.startswith("DM_") and value
    }


def _write(file: Path, values: dict[str, str]) -> None:
    lines = "".join(f"DM_{name.upper()}={value}\n" for name, value in sorted(values.items()))
    # Made with its rights, not given them later: between the two anyone could read it.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(lines)
