"""Settings as environment variables, so that a child process sees what this process sees."""

from pathlib import Path

from pydantic import SecretStr

from streams.settings import Settings


def as_environment(settings: Settings) -> dict[str, str]:
    """Every setting as `DM_...`. Holds secrets: for a child's environment only, never to print."""
    prefix = settings.model_config.get("env_prefix", "")
    values = ((name, getattr(settings, name)) for name in type(settings).model_fields)
    return {
        f"{prefix}{name}".upper(): _as_text(value) for name, value in values if value is not None
    }


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(_as_text(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return str(value.absolute())
    return str(value)
