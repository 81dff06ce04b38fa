"""The children's logs: kept from start to start, and never without bound."""

from pathlib import Path

_LARGE = 16 * 1024 * 1024


def set_aside_large(folder: Path) -> None:
    """A log above 16 MB becomes `NAME.log.1` (one is kept). Before the children start: they hold
    their logs open.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > _LARGE:
            log.replace(log.with_name(log.name + ".1"))
