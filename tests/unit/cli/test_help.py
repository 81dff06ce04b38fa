"""The command line explains itself, at once."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from streams.cli import app

RUNNER = CliRunner()
COMMANDS = (
    "up", "gateway", "worker", "migrate", "topics", "simulate", "normalise", "query", "replay",
    "doctor",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command: str) -> None:
    shown = RUNNER.invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    _, example, rest = shown.output.partition("Example")
    assert example, f"`dmstream {command} --help` has no example"
    assert f"dmstream {command}" in rest


def test_help_lists_every_command_with_a_whole_line() -> None:
    shown = RUNNER.invoke(app, ["--help"])
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.output.splitlines()]
    listed = {words[0]: words[1:] for words in lines if words}
    for command in COMMANDS:
        assert listed[command], f"{command} has no line"
        assert not listed[command][-1].endswith("...")


def test_help_loads_nothing_heavy() -> None:
    """Measured: 0.14 s; with pydantic's settings alone 0.3 s, with Faust or the engine seconds."""
    script = (
        "import sys; from streams.cli import app; app(['--help'], standalone_mode=False);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    heavy = {"aiokafka", "chdb", "clickhouse_connect", "faust", "httpx", "pydantic_settings"}
    assert heavy.isdisjoint(loaded.stderr.decode().split())


def test_a_wrong_command_is_told_so_and_ends_with_two() -> None:
    assert RUNNER.invoke(app, ["nonsense"]).exit_code == 2
