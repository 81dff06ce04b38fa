"""`dmstream simulate` as it is typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from streams.cli.simulate import simulate_command
from streams.simulator.intention import read
from streams.simulator.sign import SecretMissingError
from tests.unit.simulator.gateways import SECRETS, gateway

UNTIL = "2026-11-22T15:00:00Z"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DM_AYRSHARE_SECRETS", f"{SECRETS['ayrshare']},old")
    monkeypatch.setenv("DM_META_APP_SECRETS", SECRETS["meta"])
    monkeypatch.setenv("DM_X_CONSUMER_SECRETS", SECRETS["x"])
    monkeypatch.setenv("DM_META_APP_IDS", "77,88")


def typed(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(simulate_command)
    return CliRunner().invoke(app, arguments)


def simulate(*arguments: str) -> Result:
    return typed(*arguments, "--until", UNTIL)


def test_it_sends_says_so_and_writes_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "meant.jsonl"
    with gateway() as (url, heard):
        options = ("--webhooks", "300", "--broken", "0.02", "--seed", "7")
        result = simulate("--url", url, *options, "--intention", str(file))
    assert result.exit_code == 0, result.output
    assert heard.answers.total() == 300
    assert "300 webhooks in" in result.stdout
    assert "answered 401, as meant" in result.stdout
    intention = read(file)
    assert intention.header.parameters["app_id"] == "77"
    assert f"They tell {len(intention.messages)} messages" in result.stdout


def test_an_answer_that_was_not_meant_ends_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DM_X_CONSUMER_SECRETS", "another")
    with gateway() as (url, _):
        result = simulate("--url", url, "--webhooks", "50", "--provider", "x", "--broken", "0")
    assert result.exit_code == 1
    assert "50 answers were not the ones meant" in result.stdout
    assert "meant 200, got 401" in result.stdout


def test_only_the_providers_asked_for_are_simulated_and_need_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DM_META_APP_SECRETS")
    with gateway() as (url, heard):
        result = simulate(
            "--url", url, "--webhooks", "60", "--provider", "x", "--provider", "ayrshare"
        )
        assert result.exit_code == 0, result.output
        assert {provider for provider, _ in heard.answers} == {"x", "ayrshare"}
        assert isinstance(simulate("--url", url).exception, SecretMissingError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--until", "yesterday"), "no date and time"),
        (("--until", "2026-11-22T15:00:00"), "needs a zone"),
        (("--duplicates", "0.8", "--broken", "0.4"), "shares of the webhooks"),
        (("--webhooks", "0"), "webhooks"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_wrong(
    arguments: tuple[str, ...], said: str
) -> None:
    result = typed(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    """As in `dmstream simulate | head -1`."""
    with gateway() as (url, _):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "streams.cli", "simulate", "--url", url]
        result = subprocess.run(
            [*command, "--webhooks", "30", "--until", UNTIL],
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            text=True,
            check=False,
            timeout=60,
        )
        os.close(writing)
    assert result.stderr == ""
    assert result.returncode == 1
