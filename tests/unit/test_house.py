"""What holds for the whole tree."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from streams.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def test_what_is_installed_is_pinned_by_name_and_version_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", pin) for pin in pins)


def one_spelling(name: str) -> str:
    """Of several that mean the same package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    asked = [*project["dependencies"], *optional["dev"], *optional["traces"], "hatchling"]
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {one_spelling(pin.partition("==")[0]) for pin in pins}
    missing = {one_spelling(re.split(r"[^\w.-]", name)[0]) for name in asked} - pinned
    assert not missing, "run `make constraints`"


def test_make_help_lists_every_target_with_one_line() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    listed = {line.split()[1] for line in shown.stdout.splitlines()}
    assert listed == targets
    assert all(len(line.split()) > 3 for line in shown.stdout.splitlines())


@pytest.mark.parametrize("file", [".ci/make-venv", ".ci/pin-versions", ".ci/run"])
def test_scripts_are_strict_and_can_be_run(file: str) -> None:
    script = ROOT / file
    assert script.stat().st_mode & 0o111
    assert "set -euo pipefail" in script.read_text()
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"| `dmstream {command}" in readme


def test_every_file_that_the_readme_names_is_there() -> None:
    named = re.findall(
        r"[`(]((?:streams|schemas|sinks|docs|data)/[\w./-]+|CHANGELOG\.md|docker-compose\.yml)[`)]",
        (ROOT / "README.md").read_text(),
    )
    assert len(named) > 8
    made_by_running = {"data/", "data/secrets.env"}
    missing = [name for name in set(named) - made_by_running if not (ROOT / name).exists()]
    assert not missing
