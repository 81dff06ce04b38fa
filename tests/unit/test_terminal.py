"""A closed pipe is an error that ends a command, and no crash of the task that prints."""

import io

import pytest

from streams.terminal import Terminal


class NobodyReads(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


def test_the_first_line_to_nobody_raises_and_the_later_ones_go_nowhere() -> None:
    terminal = Terminal(file=NobodyReads())
    with pytest.raises(BrokenPipeError):
        terminal.print("x")
    terminal.print("y")
