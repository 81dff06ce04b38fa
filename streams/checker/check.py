"""All invariants over one history."""

from collections.abc import Callable, Iterator

from streams.checker.counts import counts
from streams.checker.doubled import doubled
from streams.checker.ends import ends
from streams.checker.findings import Finding, Invariant
from streams.checker.history import History
from streams.checker.limits import limits
from streams.checker.lost import lost
from streams.checker.offsets import offsets
from streams.checker.order import order
from streams.checker.reading import Reading
from streams.checker.window import window

INVARIANTS: dict[Invariant, Callable[[Reading], Iterator[Finding]]] = {
    "lost": lost,
    "duplicate": doubled,
    "order": order,
    "counts": counts,
    "limit": limits,
    "window": window,
    "outcome": ends,
    "offset": offsets,
}


def check(history: History, *, prefix: str = "") -> list[Finding]:
    """Everything that is wrong, by invariant; [] for a history that keeps all of them.

    `prefix` is the pipeline's `DM_TOPIC_PREFIX`. The history is one of a pipeline at rest: what is
    still on its way is not told from what is lost.
    """
    reading = Reading(history, prefix)
    return [finding for invariant in INVARIANTS.values() for finding in invariant(reading)]
