"""What a person reads: rich's console, with a closed pipe told as the error that it is."""

import errno

from rich.console import Console


class Terminal(Console):
    """Rich answers a closed pipe (`dmstream simulate | head`) with SystemExit, wherever it prints:
    inside a task that is a crash with a traceback. BrokenPipeError ends a command in order, and the
    command line leaves without a word.
    """

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError once; what is printed on the way out goes nowhere."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output any more")
