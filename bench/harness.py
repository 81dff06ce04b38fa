"""How comparisons are made: one after the other in turns, medians, ratios.

A comparison's sides take turns, and every second round in the other order, so that what the machine
does besides meets all of them alike. The median of the rounds counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.progress import Progress


@dataclass(frozen=True, slots=True)
class Sample:
    """What one side did in one round."""

    units: int
    wall_seconds: float
    core_seconds: float
    """Processor time of the measured processes, not of the broker or of who sends."""

    @property
    def per_second(self) -> float:
        return self.units / self.wall_seconds

    @property
    def per_core_second(self) -> float:
        return self.units / self.core_seconds


@dataclass(frozen=True, slots=True)
class Side:
    name: str
    run: Callable[[int], Sample]
    """One round, given its number."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table."""

    row: int
    what: str
    against: str
    measured: str
    """In what: as "webhooks per core-second of the process"."""
    ours: str
    theirs: str
    result: str
    goal: str
    met: bool | None
    """None where it could not be measured."""
    near: bool = True
    """Within the wide margin that `--quick` guards."""
    rounds: dict[str, list[float]] = field(default_factory=dict)
    """By side: each round's figure, for who wants to see how far they spread."""


def alternate(
    sides: Sequence[Side], rounds: int, progress: Progress, title: str
) -> dict[str, list[Sample]]:
    """The samples of each side, by its name."""
    bar = progress.add_task(title, total=rounds * len(sides))
    found: dict[str, list[Sample]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            progress.update(bar, description=f"{title}: {side.name}, round {number + 1}")
            found[side.name].append(side.run(number))
            progress.advance(bar)
    progress.update(bar, description=title)
    return found


Rate = Callable[[Sample], float]


def middle(samples: Sequence[Sample], rate: Rate) -> float:
    return median(map(rate, samples))


def compared(
    row: int,
    what: str,
    sides: tuple[str, str],
    samples: dict[str, list[Sample]],
    rate: Rate,
    measured: str,
    goal: float,
) -> Outcome:
    """`sides`: ours, then the peer. `goal`: how many times the peer's rate ours has to be."""
    ours, theirs = (middle(samples[name], rate) for name in sides)
    ratio = ours / theirs
    return Outcome(
        row=row,
        what=what,
        against=sides[1],
        measured=measured,
        ours=f"{ours:,.0f}",
        theirs=f"{theirs:,.0f}",
        result=f"{ratio:.2f} times",
        goal=f"at least {goal:g} times",
        met=ratio >= goal,
        near=ratio >= goal / 2,
        rounds={name: [round(rate(one), 1) for one in samples[name]] for name in sides},
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: all of it, or what fits into two minutes."""

    name: str
    rounds: int
    webhooks: int
    warm_up: int
    events: int
    load_seconds: float


FULL = Scale("full", rounds=5, webhooks=32_000, warm_up=1_000, events=200_000, load_seconds=5)
QUICK = Scale("quick", rounds=1, webhooks=5_000, warm_up=1_000, events=60_000, load_seconds=2)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are measured together."""

    name: str
    rows: tuple[int, ...]
    measure: Callable[[Scale, Any, Progress], list[Outcome]]
    """(scale, peers' Python, progress)"""
    quick: bool
    """Whether it is a part of the two minutes."""
