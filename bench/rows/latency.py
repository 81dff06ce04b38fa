"""Row 9: from a webhook in to the request of its automatic answer out, at 100 a second.

Each step's share: `make bench-latency`, which is the same run.
"""

from statistics import quantiles

from rich.progress import Progress

from bench import latency
from bench.harness import Group, Outcome, Scale

RATE, SECONDS, WARM_UP_SECONDS = 100, 20, 4
GOAL_P50, GOAL_P99 = 50, 250


def measure(_scale: Scale, _peers: str, progress: Progress) -> list[Outcome]:
    progress.stop()  # it has bars of its own
    took = latency.run(RATE, SECONDS, WARM_UP_SECONDS, progress.console)
    progress.start()
    cuts = quantiles(took, n=100)
    p50, p99 = cuts[49], cuts[98]
    return [
        Outcome(
            row=9,
            what=f"webhook in to automatic answer's request out, {RATE} a second",
            against="",
            measured="milliseconds",
            ours=f"p50 {p50:,.0f}, p99 {p99:,.0f}",
            theirs="",
            result="",
            goal=f"p50 under {GOAL_P50}, p99 under {GOAL_P99}",
            met=p50 < GOAL_P50 and p99 < GOAL_P99,
        )
    ]


GROUP = Group("latency", (9,), measure, quick=False)
