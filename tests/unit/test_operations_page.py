"""docs/operations.md and docs/settings.md say what the code says."""

import re
from pathlib import Path

import typer

from streams.cli import COMMANDS, app
from streams.gateway.draining import RETRY_SECONDS
from streams.local.settings_page import page
from streams.monitoring.paths import LIVE_PATH, METRICS_PATH, READY_PATH
from streams.monitoring.ports import NAMES, port_of
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ("docs/operations.md", "docs/scaling.md", "docs/failure-model.md")
PAGE = (ROOT / "docs/operations.md").read_text()


def test_the_page_of_settings_is_what_the_settings_are() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "run `make settings`"


def test_every_setting_but_a_password_says_what_it_is_or_is_named_so_that_it_need_not() -> None:
    lines = page().splitlines()
    silent = [line for line in lines if line.startswith("| `DM_") and line.endswith("|  |")]
    assert len(silent) < 12, silent


def test_each_variable_that_a_page_names_is_a_setting() -> None:
    known = {f"DM_{name.upper()}" for name in Settings.model_fields}
    for name in DOCS:
        for variable in re.findall(r"\bDM_[A-Z_]+[A-Z]\b", (ROOT / name).read_text()):
            if not variable.startswith(("DM_CREDENTIAL", "DM_TEST")):
                assert variable in known, f"{name}: {variable}"


def test_each_command_that_a_page_names_is_there_with_its_options() -> None:
    root = typer.main.get_command(app)
    for name in DOCS:
        for line in re.findall(r"dmstream ([a-z]+[^`\n#]*)", (ROOT / name).read_text()):
            words = line.split()
            if words[0] not in COMMANDS:
                continue
            command = root.get_command(None, words[0])  # type: ignore[attr-defined, arg-type]
            options = {text for option in command.params for text in option.opts}
            given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
            if not hasattr(command, "commands"):
                assert given <= options, f"{name}: dmstream {line}"


def test_ports_and_paths_are_those_that_processes_have() -> None:
    for name in NAMES:
        command = "gateway" if name == "gateway" else f"worker {name}"
        row = re.search(rf"^\| `dmstream {command}` \| [^|]+ \| (\d+) \|", PAGE, re.MULTILINE)
        assert row is not None
        assert int(row[1]) == port_of(None, name)
    for path in (LIVE_PATH, READY_PATH, METRICS_PATH):
        assert f"`{path}`" in PAGE
    assert f"Retry-After: {RETRY_SECONDS}" in PAGE
