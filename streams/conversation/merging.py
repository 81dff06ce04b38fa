"""Ways to join what two tellings say, the same in any order and any number of times."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
# Tuples of plain values: `max` of them is total, whatever the values are.
S = TypeVar("S", bound=tuple[object, ...])


def later(known: int | None, told: int) -> int:
    return told if known is None or told > known else known


def earlier(known: int | None, told: int) -> int:
    return told if known is None or told < known else known


def latest(known: S | None, told: S) -> S:
    """The greater of two stamped tuples: by time, then by id, then by value."""
    return told if known is None or told > known else known


def newest(entries: Mapping[str, T], most: int) -> Mapping[str, T]:
    """The entries with the greatest keys.

    The result does not depend on the order of growing: a key that is among the greatest in the end
    was among the greatest all the time.
    """
    if len(entries) <= most:
        return entries
    return {key: entries[key] for key in sorted(entries)[-most:]}
