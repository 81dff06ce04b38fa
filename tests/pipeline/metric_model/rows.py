"""What the rows of a metric are made with."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

Rows = list[tuple[Any, ...]]


def quantile(values: Iterable[float | None], level: float) -> float | None:
    """Between the two nearest ranks in proportion."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    place = (len(known) - 1) * level
    low = int(place)
    high = min(low + 1, len(known) - 1)
    return known[low] + (known[high] - known[low]) * (place - low)


def grouped(rows: Iterable[tuple[Any, ...]], width: int) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[row[:width]].append(row[width:])
    return groups


def seconds(span: timedelta) -> float:
    return round(span.total_seconds() * 1000) / 1000
