"""What a person sees while webhooks are sent."""

import io

from rich.console import Console

from streams.simulator.client import Tally
from streams.simulator.running import progress_lines, showing


def test_without_a_terminal_a_line_every_few_seconds() -> None:
    said: list[str] = []
    now = [0.0]
    tell = progress_lines(said.append, lambda: now[0])
    tally = Tally(100)
    for second in range(1, 13):
        now[0] = float(second)
        tally.as_meant[200] += 1
        tally.retries = 2 if second > 8 else 0
        tell(tally)
    assert said == ["5 of 100 webhooks", "10 of 100 webhooks, 2 tried again"]


def test_on_a_terminal_a_bar_that_is_gone_in_the_end() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with showing(console, 10) as progress:
        tally = Tally(10)
        tally.as_meant[200] = 10
        tally.unexpected = 0
        progress(tally)
    assert "10/10" in screen.getvalue()


def test_unexpected_answers_show_at_once() -> None:
    said: list[str] = []
    tell = progress_lines(said.append, iter(range(0, 100, 10)).__next__)
    tally = Tally(4)
    tally.unexpected = 3
    tell(tally)
    assert said == ["3 of 4 webhooks, 3 unexpected"]
