"""A simulation from its parameters to its summary, for a person at a terminal or for a log."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from streams.simulator.client import Progress, Sending, Tally, send
from streams.simulator.simulation import Parameters, Simulation, simulate
from streams.terminal import Terminal

_LINE_EVERY_SECONDS = 5.0
_MEANING = {400: "unreadable, refused", 401: "wrongly signed, refused"}


def run(
    parameters: Parameters,
    sending: Sending,
    intention: Path | None,
    console: Console | None = None,
) -> Tally:
    """Writes the intention first: what was meant is known even where the sending breaks off.

    Raises OSError for the file, GatewayAwayError for the gateway.
    """
    screen = console or Terminal(soft_wrap=True)
    simulation = simulate(parameters)
    if intention is not None:
        simulation.intention.write(intention)
    began = time.monotonic()
    with showing(screen, len(simulation)) as progress:
        tally = asyncio.run(send(simulation.deliveries(), len(simulation), sending, progress))
    _summary(screen, simulation, tally, time.monotonic() - began)
    if intention is not None:
        screen.print(f"what was meant to happen: {intention}", highlight=False)
    return tally


@contextmanager
def showing(screen: Console, total: int) -> Iterator[Progress]:
    """A bar on a terminal, a line every few seconds elsewhere."""
    if not screen.is_terminal:
        yield progress_lines(screen.print, time.monotonic)
        return
    columns = (
        TextColumn("webhooks"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("webhooks", total=total, note="")

        def advance(tally: Tally) -> None:
            bar.update(task, completed=tally.done, note=", ".join(_notes(tally)))

        yield advance


def progress_lines(say: Callable[[str], None], clock: Callable[[], float]) -> Progress:
    due = clock() + _LINE_EVERY_SECONDS

    def tell(tally: Tally) -> None:
        nonlocal due
        if clock() >= due:
            due = clock() + _LINE_EVERY_SECONDS
            said = [f"{tally.done} of {tally.total} webhooks", *_notes(tally)]
            say(", ".join(said))

    return tell


def _notes(tally: Tally) -> Iterator[str]:
    if tally.retries:
        yield f"{tally.retries} tried again"
    if tally.unexpected:
        yield f"{tally.unexpected} unexpected"


def _summary(screen: Console, simulation: Simulation, tally: Tally, seconds: float) -> None:
    for line in (
        *_told_of_answers(tally, seconds),
        *_told_of_meaning(simulation),
        *_told_of_surprises(tally),
    ):
        screen.print(line, highlight=False, markup=False)


def _told_of_answers(tally: Tally, seconds: float) -> Iterator[str]:
    yield f"{tally.done} webhooks in {seconds:.1f} s ({tally.done / max(seconds, 1e-9):.0f}/s)"
    for status, count in sorted(tally.as_meant.items()):
        yield f"  {count} answered {status}, as meant: {_MEANING.get(status, 'accepted')}"
    if tally.retries:
        yield f"  {tally.retries} tried again while the gateway was away"


def _told_of_meaning(simulation: Simulation) -> Iterator[str]:
    meant = simulation.intention
    yield (
        f"They tell {len(meant.messages)} messages in {len(meant.conversations)} conversations "
        f"of {len(meant.profiles)} profiles; {len(meant.failures)} must end as failures."
    )


def _told_of_surprises(tally: Tally) -> Iterator[str]:
    if not tally.unexpected:
        return
    yield f"{tally.unexpected} answers were not the ones meant; the first of them:"
    for one in tally.surprises:
        wanted = f"meant {one.expected_status}, got {one.status}"
        yield f"  request {one.number} ({one.provider}): {wanted}"
