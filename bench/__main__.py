"""Every row of docs/performance.md, or some of them.

    python -m bench                     # all rows, about twenty minutes; writes docs/performance.md
    python -m bench --only 1 2 3        # these (and those measured together with them)
    python -m bench --quick             # two minutes: ratios with wide margins, writes nothing

Peers run by the Python of an environment of their own (`make bench` makes it).
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import machine, results
from bench.harness import FULL, QUICK, Group, Outcome, Scale
from bench.processes import ROOT
from bench.rows import GROUPS

PEERS = ROOT / ".venv-peers" / "bin" / "python"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    rows = [row for group in GROUPS for row in group.rows]
    parser.add_argument("--only", type=int, nargs="+", metavar="ROW", choices=rows, default=rows)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep what --quick measured, too")
    parser.add_argument("--rounds", type=int, help="of each comparison, five by default")
    parser.add_argument("--peers", type=Path, default=PEERS, help="their Python")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    options = parser.parse_args()
    if not options.peers.exists():
        raise SystemExit(f"{options.peers} is missing: `make bench` makes the peers' environment")
    scale = QUICK if options.quick else FULL
    scale = replace(scale, rounds=options.rounds or scale.rounds)
    chosen = [
        group
        for group in GROUPS
        if set(group.rows) & set(options.only) and (group.quick or not options.quick)
    ]
    console = Console(soft_wrap=True)
    found = list[Outcome]()
    for outcomes, others in _measured(chosen, scale, str(options.peers), console):
        found += outcomes
        if options.keep or not options.quick:
            described = machine.described(str(options.peers))
            results.keep(outcomes, described, others, scale.name)
    console.print(results.shown(found))
    if not options.no_page and not options.quick:
        results.write("make bench")
    if options.quick:
        _guard(found)


def _measured(
    groups: list[Group], scale: Scale, peers: str, console: Console
) -> Iterator[tuple[list[Outcome], float]]:
    """Each group's rows, and how many cores others used just before."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    for group in groups:
        others = machine.cores_in_use()
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            yield group.measure(scale, peers, progress), others


def _guard(found: list[Outcome]) -> None:
    """Fails only where a ratio is below half of its goal: that is no noise."""
    far = [one for one in found if not one.near]
    for one in far:
        print(f"row {one.row}: {one.result}, goal {one.goal}: below half of it", file=sys.stderr)
    if far:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
