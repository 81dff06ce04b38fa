"""How numbers are shown to people."""

import io

import pytest
from rich.console import Console

from streams.local import report
from streams.local.metrics import METRICS, duration, short, time_left


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600 * 2 + 300, "2 h 05 min"),
        (86_400 * 6 + 3_600 * 22 + 59, "6 d 22 h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_window_is_open_closed_or_none() -> None:
    assert time_left(90) == "1 min"
    assert time_left(0) == "closed"
    assert time_left(-5) == "closed"
    assert time_left(None) == "no window"


def test_a_long_id_keeps_both_ends_and_an_account_id_is_whole() -> None:
    assert short("6f16d1dd2525114d0aa9433532412cb7dd6f17ac") == "6f16d1dd…6f17ac"
    assert short("17841266919461345") == "17841266919461345"


def test_every_metric_reads_the_contract_and_no_private_table() -> None:
    for metric in METRICS:
        assert "FROM {views}." in metric.sql
        assert metric.columns


@pytest.mark.parametrize(
    ("every", "title"),
    [
        (193, "Waiting for a reply: 2 of 193, whose reply window ends first"),
        (2, "Waiting for a reply"),
    ],
)
def test_a_part_of_those_who_wait_is_not_shown_as_all_of_them(every: int, title: str) -> None:
    (metric,) = (one for one in METRICS if one.title == "Waiting for a reply")
    screen = Console(file=io.StringIO(), width=100)
    rows = [("instagram:17841733104074637:2927071698455575", "shop", 60.0, 90.0, every)] * 2
    screen.print(report.table(metric, rows))
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].strip() == title
    assert lines[2].split() == [rows[0][0], "shop", "1", "min", "1", "min"]
