"""What `up` shows: a line for each step with its time, progress bars, notes of the supervisor."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.terminal import Terminal

_WIDTH_OF_FILES = 120


class Screen:
    def __init__(self, console: Console | None = None) -> None:
        self.console = console or wide_console()

    def done(self, name: str, what: str = "", seconds: float | None = None) -> None:
        """`  ✓ name   what   1.2 s`."""
        took = "" if seconds is None else f"{seconds:6.1f} s"
        self.console.print(
            f"  [green]✓[/green] {name:<22}{what:<44}[dim]{took}[/dim]", soft_wrap=True
        )

    def note(self, sentence: str) -> None:
        """Something that a person should know, and that ends nothing."""
        self.console.print(f"  [yellow]![/yellow] {sentence}", soft_wrap=True, markup=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[str], None]]:
        """A moving line on a terminal, nothing elsewhere. Gives what says something else there."""
        with self.console.status(what) as status:
            yield status.update

    @contextmanager
    def progress(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """A bar, told (done, total). Without a terminal only its last state is printed."""
        columns = (
            TextColumn("    {task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(name, total=None)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield tell


def wide_console() -> Console:
    """In a file or a pipe there is no width to keep to, and no terminal to ask for it."""
    console = Terminal(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_FILES
    return console
