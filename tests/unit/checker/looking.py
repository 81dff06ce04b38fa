"""What the checker finds in a history, and histories with something changed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.checker.check import check
from streams.checker.findings import Finding
from streams.checker.history import (
    History,
)


def broken(history: History) -> set[str]:
    return {finding.invariant for finding in check(history)}


def only(history: History) -> Finding:
    found = check(history)
    assert len(found) == 1, list(map(str, found))
    return found[0]


def archive(history: History, **changes: Any) -> History:
    assert history.archive is not None
    return replace(history, archive=replace(history.archive, **changes))


def without(log: Mapping[str, Any], topic: str, offset: int) -> dict[str, Any]:
    kept = [record for record in log[topic] if record.place.offset != offset]
    return {**log, topic: kept}
