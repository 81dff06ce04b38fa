"""The command line explains itself, at once."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from streams.cli import COMMANDS, app

RUNNER = CliRunner()


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_shows_an_example(command: str) -> None:
    shown = RUNNER.invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    _, example, rest = shown.output.partition("Example")
    assert example, f"`dmstream {command} --help` has no example"
    assert f"dmstream {command}" in rest


def test_help_lists_every_command_with_its_whole_line() -> None:
    shown = RUNNER.invoke(app, ["--help"])
    assert shown.exit_code == 0
    for name, command in COMMANDS.items():
        assert re.search(rf"^ +{name} +{re.escape(command.summary)}$", shown.output, re.MULTILINE)


def test_help_loads_nothing_heavy() -> None:
    """Measured: 0.14 s; with what the commands import it would be more than two seconds."""
    script = (
        "import sys; from streams.cli import app; app(['--help'], standalone_mode=False);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    heavy = {"aiokafka", "chdb", "clickhouse_connect", "faust", "httpx", "pydantic_settings"}
    assert heavy.isdisjoint(loaded.stderr.decode().split())


def test_a_wrong_command_is_told_so_and_ends_with_two() -> None:
    assert RUNNER.invoke(app, ["nonsense"]).exit_code == 2
