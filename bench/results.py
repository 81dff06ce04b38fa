"""What was measured, kept from run to run, and written into docs/performance.md.

A row that is measured anew replaces its old figures; the others stay with the day and the commit
that they were measured at.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.table import Table

from bench.harness import Outcome
from bench.processes import ROOT

KEPT = ROOT / ".bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
_QUIET = 0.2
_BEGIN, _END = "<!-- written by make bench -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Kept:
    outcome: Outcome
    measured_at: str
    others: float
    """How many cores other work took, just before."""
    scale: str
    """The name of a harness.Scale."""
    machine: dict[str, str]


def keep(outcomes: list[Outcome], machine: dict[str, str], others: float, scale: str) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    known = {one.outcome.row: one for one in _read()}
    known |= {one.row: Kept(one, at, others, scale, machine) for one in outcomes}
    ordered = [known[row] for row in sorted(known)]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(orjson.dumps([asdict(one) for one in ordered], option=orjson.OPT_INDENT_2))


def _read() -> list[Kept]:
    if not KEPT.exists():
        return []
    return [
        Kept(**(one | {"outcome": Outcome(**one["outcome"])}))
        for one in orjson.loads(KEPT.read_bytes())
    ]


def shown(outcomes: list[Outcome]) -> Table:
    table = Table("#", "what", "against", "ours", "theirs", "result", "goal", "met")
    for one in sorted(outcomes, key=lambda one: one.row):
        table.add_row(
            str(one.row), f"{one.what} ({one.measured})", one.against, one.ours, one.theirs,
            one.result, one.goal, _verdict(one),
        )  # fmt: skip
    return table


def _verdict(one: Outcome) -> str:
    return {True: "yes", False: "no", None: "not measured"}[one.met]


def write(command: str, page: Path = PAGE) -> None:
    """Replaces what stands between the two marks; the prose around it is written by hand."""
    kept = _read()
    text = page.read_text()
    before, found, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not (found and ended):
        raise SystemExit(f"{page} lacks the marks between which the table goes: {_BEGIN} {_END}")
    page.write_text(f"{before}{_BEGIN}\n\n{_markdown(kept, command)}\n{_END}{after}")


def _markdown(kept: list[Kept], command: str) -> str:
    lines = [
        "| # | what | against | measured in | ours | theirs | result | goal | met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in (entry.outcome for entry in kept):
        verdict = {True: "yes", False: "**no**", None: "not measured"}[one.met]
        cells = (one.row, one.what, one.against, one.measured, one.ours, one.theirs)
        lines.append(f"| {' | '.join(map(str, cells))} | {one.result} | {one.goal} | {verdict} |")
    lines += ["", f"Command: `{command}`.", "", "| | |", "|---|---|"]
    lines += _machines(kept)
    times = sorted(entry.measured_at for entry in kept)
    lines += [f"| measured | {times[0]} to {times[-1]} UTC |", f"| other work | {_others(kept)} |"]
    lines += ["", "Each round of each side:", ""]
    for entry in kept:
        for side, rounds in entry.outcome.rounds.items():
            figures = ", ".join(f"{figure:,.1f}" for figure in rounds)
            lines.append(f"- {entry.outcome.row}, {side}, {entry.scale}: {figures}")
    return "\n".join(lines) + "\n"


def _machines(kept: list[Kept]) -> Iterator[str]:
    """What was alike for all rows, once; what was not (the commit, mostly) with its rows."""
    for name in kept[-1].machine:
        rows: dict[str, list[int]] = {}
        for entry in kept:
            rows.setdefault(entry.machine.get(name, "not told"), []).append(entry.outcome.row)
        for value, which in rows.items():
            of = "" if len(rows) == 1 else f", rows {', '.join(map(str, which))}"
            yield f"| {name}{of} | {value} |"


def _others(kept: list[Kept]) -> str:
    most = max(entry.others for entry in kept)
    if most <= _QUIET:
        return f"none to speak of: at most {most:.2f} cores in use before each row"
    told = ", ".join(f"{entry.outcome.row}: {entry.others:.1f}" for entry in kept)
    return f"**the machine was not quiet**; cores in use by others before each row: {told}"
