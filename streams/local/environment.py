"""Settings as environment variables, so that a child process sees what this process sees."""

from pathlib import Path

from pydantic import SecretStr

from streams.settings import Settings

PREFIX = Settings.model_config.get("env_prefix", "")


def as_environment(settings: Settings) -> dict[str, str]:
    """Every setting as `DM_...`. Holds secrets: for a child's environment only, never to print."""
    values = ((name, getattr(settings, name)) for name in type(settings).model_fields)
    return {
        f"{PREFIX}{name.upper()}": as_text(value) for name, value in values if value is not None
    }


def as_text(value: object, *, absolute: bool = True) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(as_text(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return str(value.absolute() if absolute else value)
    return str(value)
