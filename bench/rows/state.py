"""Rows 10 and 11: what a conversation costs, how long a million take to recover, and whether the
rate holds with many of them.

Rates are by the worker's own processor time. `make bench-state` is the same with any numbers.
"""

from rich.progress import Progress

from bench import state
from bench.harness import Group, Outcome, Scale

CONVERSATIONS = (1_000, 100_000, 1_000_000)
WEBHOOKS = 40_000
GOAL_BYTES, GOAL_SECONDS, GOAL_SPREAD = 1_000, 60, 0.2


def measure(_scale: Scale, _peers: str, progress: Progress) -> list[Outcome]:
    found = [state.measure(count, WEBHOOKS, progress) for count in CONVERSATIONS]
    rates = [one.webhooks_per_core_second for one in found]
    return [_cost(found[-1]), _steady(rates)]


def _cost(most: state.Measured) -> Outcome:
    changelog = most.changelog_bytes / most.conversations
    memory = most.memory_bytes / most.conversations
    seconds = most.recovery_seconds
    return Outcome(
        row=10,
        what="state of 1,000,000 conversations",
        against="",
        measured="bytes each in the changelog and in memory; seconds from start to ready",
        ours=f"{changelog:,.0f} and {memory:,.0f} bytes; {seconds:.0f} s",
        theirs="",
        result="",
        goal=f"under {GOAL_BYTES:,} bytes each, under {GOAL_SECONDS} s",
        met=max(changelog, memory) < GOAL_BYTES and seconds < GOAL_SECONDS,
    )


def _steady(rates: list[float]) -> Outcome:
    spread = 1 - min(rates) / max(rates)
    return Outcome(
        row=11,
        what="conversations worker with 1,000 / 100,000 / 1,000,000 conversations",
        against="itself",
        measured="webhooks per core-second of the process",
        ours=" / ".join(f"{rate:,.0f}" for rate in rates),
        theirs="",
        result=f"{spread:.0%} apart",
        goal=f"within {GOAL_SPREAD:.0%}",
        met=spread <= GOAL_SPREAD,
    )


GROUP = Group("state", (10, 11), measure, quick=False)
